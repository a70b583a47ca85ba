// Linux's doubly linked list (struct list_head), as bare as it is there: a node that is added to a second list while it
// is in a first one joins both, and neither ends at its head any more. The Exynos driver does that.
// Source: Linux include/linux/list.h.
#pragma once

namespace xlate::kernel {

template <typename Entry>
struct ListHead {
    ListHead() = default;
    explicit ListHead(Entry& of) : entry(&of) {}
    ListHead(const ListHead&) = delete;
    ListHead& operator=(const ListHead&) = delete;

    ListHead* next = this;
    ListHead* prev = this;
    Entry* entry = nullptr;  ///< what the node is in; null: it is the head of a list

    bool empty() const { return next == this; }
};

/// Behind the last of `head`. Whether `node` is in a list already is not looked at.
template <typename Entry>
void list_add_tail(ListHead<Entry>& node, ListHead<Entry>& head) {
    ListHead<Entry>* const last = head.prev;
    head.prev = &node;
    node.next = &head;
    node.prev = last;
    last->next = &node;
}

template <typename Entry>
void list_del_init(ListHead<Entry>& node) {
    node.next->prev = node.prev;
    node.prev->next = node.next;
    node.next = node.prev = &node;
}

/// list_for_each_entry_safe: `visit(entry)` may take its entry off the list. `lost()` where the list leads to the head
/// of another one, which Linux takes for an entry and from which there is no way back; it does not return.
template <typename Entry, typename Visit, typename Lost>
void list_for_each_entry(ListHead<Entry>& head, Visit visit, Lost lost) {
    for (ListHead<Entry>* at = head.next; at != &head;) {
        if (at->entry == nullptr) lost();
        ListHead<Entry>* const after = at->next;
        visit(*at->entry);
        at = after;
    }
}

}  // namespace xlate::kernel
