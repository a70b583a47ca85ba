#include "kernel-model/core/heap.hpp"

#include <algorithm>
#include <new>

#include "kernel-model/core/kernel.hpp"
#include "kernel-model/core/region.hpp"
#include "kernel-model/core/shared.hpp"

namespace xlate::kernel {

namespace {

constexpr std::size_t kBlockBytes = 256 * 1024;
constexpr std::size_t kUsualObjects = 64;  // room from the start

/// Marks what can be reached, without recursion.
class Marker : public PointerVisitor {
public:
    void visit(const HeapObject* object) override {
        if (object != nullptr) found.push_back(object);
    }
    std::vector<const HeapObject*> found;
};

}  // namespace

Arena::Arena() = default;
Arena::~Arena() = default;

void* Arena::take(std::size_t size, std::size_t alignment) {
    if (in_region()) return ::operator new (size, std::align_val_t{alignment});
    if (size + alignment > kBlockBytes) {
        large_.push_back(std::make_unique<std::byte[]>(size + alignment));
        void* memory = large_.back().get();
        std::size_t space = size + alignment;
        return std::align(alignment, size, memory, space);
    }
    if (blocks_.empty()) blocks_.push_back(std::make_unique<std::byte[]>(kBlockBytes));
    used_ = (used_ + alignment - 1) / alignment * alignment;
    if (used_ + size > kBlockBytes) {
        if (++block_ == blocks_.size()) blocks_.push_back(std::make_unique<std::byte[]>(kBlockBytes));
        used_ = 0;
    }
    void* memory = blocks_[block_].get() + used_;
    used_ += size;
    return memory;
}

void Arena::reset() {
    large_.clear();
    block_ = 0;
    used_ = 0;
}

HeapObject::HeapObject(Kernel& kernel, const char* type_name)
    : kernel_(&kernel), type_name_(type_name), resource_(kernel.sched.new_resource()) {
    number_ = ++kernel.heap.numbers_;
    kernel.heap.statics_.push_back(this);
}

HeapObject::~HeapObject() {
    if (dynamic_) return;
    auto& statics = kernel_->heap.statics_;
    const auto found = std::find(statics.rbegin(), statics.rend(), this);
    if (found != statics.rend()) statics.erase(std::next(found).base());
}

std::string HeapObject::object_name() const { return std::string(type_name_) + "#" + std::to_string(number_); }

void followed_bad_pointer(const HeapObject* object, const char* step) {
    if (object != nullptr) object->kernel().sched.touch(object->resource());
    Task* const task = current_task();
    XLATE_CHECK(task != nullptr, "a kernel pointer that is null or dangling was followed outside of a task");
    if (step == nullptr) step = task->pending.step;
    Kernel& kernel = task->kernel();
    Report report;
    report.place = place_of(task, step);
    if (object == nullptr) {
        report.kind = ReportKind::null_dereference;
        report.what = "NULL pointer";
        kernel.reports.oops(std::move(report));
    }
    kernel.heap.describe(*object, report);
    report.kind = ReportKind::use_after_free;
    report.what = std::string("use of ") + object->type_name();
    kernel.reports.oops(std::move(report));
}

Heap::Heap(Kernel& kernel, Arena& arena) : kernel_(kernel), arena_(arena) {
    objects_.reserve(kUsualObjects);
    statics_.reserve(kUsualObjects);
}

void Heap::destroy_all() {
    for (auto object = objects_.rbegin(); object != objects_.rend(); ++object) (*object)->~HeapObject();
    objects_.clear();
}

bool Heap::allocation_point(const char* step) {
    kernel_.sched.point({PointKind::alloc, step, 0, "kmalloc"});
    kernel_.spend(kernel_.costs.kmalloc);
    ++allocations_;
    return !inject_failure || !inject_failure(step, allocations_);
}

void Heap::adopt(HeapObject* object, const char* step) {
    const auto found = std::find(statics_.rbegin(), statics_.rend(), object);
    if (found != statics_.rend()) statics_.erase(std::next(found).base());
    objects_.push_back(object);
    object->dynamic_ = true;
    object->allocated_step_ = step;
    if (const Task* task = kernel_.sched.current_or_null()) {
        object->allocated_by_ = task;
        object->allocated_at_ = task->stack;
    }
}

void Heap::free_object(HeapObject* object, const char* step) {
    kernel_.sched.point({PointKind::free, step, object->resource_, object->type_name_});
    kernel_.spend(kernel_.costs.kfree);
    const Task* task = kernel_.sched.current_or_null();
    if (object->freed_) {
        Report report;
        report.kind = ReportKind::double_free;
        report.what = object->type_name_;
        report.place = place_of(task, step);
        describe(*object, report);
        kernel_.reports.oops(std::move(report));
    }
    object->freed_ = true;
    object->freed_by_ = task;
    object->freed_step_ = step;
    if (task != nullptr) object->freed_at_ = task->stack;
}

void Heap::describe(const HeapObject& object, Report& report) const {
    report.detail = object.object_name();
    report.allocated_by = place_of(object.allocated_by_, object.allocated_step_, object.allocated_at_);
    if (object.freed_) report.freed_by = place_of(object.freed_by_, object.freed_step_, object.freed_at_);
}

void Heap::check_leaks() {
    if (kernel_.reports.crashed()) return;
    for (const auto& task : kernel_.sched.tasks()) {
        if (task->alive() && !task->may_wait_forever) return;
    }
    Marker marker;
    marker.found.reserve(statics_.size() + objects_.size());
    for (const HeapObject* object : statics_) marker.found.push_back(object);
    for (const HeapObject* object : objects_) {
        object->marked_ = false;
        if (object->immortal_) marker.found.push_back(object);
    }
    while (!marker.found.empty()) {
        const HeapObject* object = marker.found.back();
        marker.found.pop_back();
        if (object->dynamic_) {
            if (object->marked_ || object->freed_) continue;
            object->marked_ = true;
        }
        for (const SharedBase* field = object->first_pointer_; field != nullptr; field = field->next_pointer())
            marker.visit(field->target());
        object->visit_pointers(marker);
    }
    for (const HeapObject* object : objects_) {
        if (object->freed_ || object->marked_) continue;
        Report report;
        report.kind = ReportKind::leak;
        report.what = object->type_name_;
        describe(*object, report);
        report.place = *report.allocated_by;
        kernel_.reports.add(std::move(report));
    }
}

std::size_t Heap::live(const char* type_name) const {
    const std::string wanted = type_name != nullptr ? type_name : "";
    return static_cast<std::size_t>(std::count_if(objects_.begin(), objects_.end(), [&](const HeapObject* object) {
        return !object->freed_ && (type_name == nullptr || wanted == object->type_name_);
    }));
}

}  // namespace xlate::kernel
