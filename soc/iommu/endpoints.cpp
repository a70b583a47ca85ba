// What endpoints with translation caches of their own are sent and send: invalidations of those caches, page requests.
#include "soc/iommu/device.hpp"

namespace xlate::soc {

using iommu::Invalidation;

// An ATC invalidation goes to the root complex by the port's link, and to the endpoint by PCIe. Without an endpoint of
// that stream it is never completed.

void IommuDevice::send_atc(const Invalidation& invalidation, CommandQueue& queue) {
    if (free_atc_messages_.empty()) {
        AtcMessage& made = atc_messages_.emplace_back();
        made.device = this;
        made.bind(&made, [](void* self, AgendaEntry&) {
            auto& message = *static_cast<AtcMessage*>(self);
            message.device->atc_step(message);
        });
        made.patience.bind(&made, [](void* self, AgendaEntry&) {
            auto& message = *static_cast<AtcMessage*>(self);
            IommuDevice& device = *message.device;
            message.expired = true;
            message.queue->atc_timed_out = true;
            ++device.counts_.atc_timeouts;
            device.atc_ended(*message.queue);
        });
        free_atc_messages_.push_back(&made);
    }
    AtcMessage& message = *free_atc_messages_.back();
    free_atc_messages_.pop_back();
    message.invalidation = invalidation;
    message.complete = false;
    message.expired = false;
    message.queue = &queue;
    ++message.queue->atc_out;
    ++counts_.atc_invalidations;
    agenda().schedule_after(message.patience, params_.tcu.atc_timeout, Phase::arrive, *this);
    agenda().schedule_after(message, clock_ * tbu_before(iommu::stream_of(invalidation.stream)).link_from_tcu,
                            Phase::arrive, *this);
}

const PortParams& IommuDevice::tbu_before(StreamId stream) const {
    const auto endpoint = atcs_.find(stream);
    return endpoint == atcs_.end() ? params_.tbu : tbus_[endpoint->second.tbu]->params();
}

void IommuDevice::atc_step(AtcMessage& message) {
    if (!message.complete) {
        const auto endpoint = atcs_.find(iommu::stream_of(message.invalidation.stream));
        if (endpoint == atcs_.end()) return;
        endpoint->second.invalidate(message.invalidation, [this, &message] {
            message.complete = true;
            agenda().schedule_after(message,
                                    clock_ * tbu_before(iommu::stream_of(message.invalidation.stream)).link_to_tcu,
                                    Phase::arrive, *this);
        });
        return;
    }
    free_atc_messages_.push_back(&message);
    if (message.expired) return;  // too late
    agenda().cancel(message.patience);
    atc_ended(*message.queue);
}

void IommuDevice::atc_ended(CommandQueue& queue) {
    --queue.atc_out;
    if (draining()) check_drain();
}

// Page requests cross the link to the core and become records there; answers, of software or automatic, come back.

IommuDevice::PageMessage& IommuDevice::new_page_message() {
    if (free_page_messages_.empty()) {
        PageMessage& made = page_messages_.emplace_back();
        made.device = this;
        made.bind(&made, [](void* self, AgendaEntry&) {
            auto& message = *static_cast<PageMessage*>(self);
            message.device->page_step(message);
        });
        free_page_messages_.push_back(&made);
    }
    PageMessage& message = *free_page_messages_.back();
    free_page_messages_.pop_back();
    return message;
}

void IommuDevice::page_request(const iommu::PageRequest& request) {
    PageMessage& message = new_page_message();
    message.request = request;
    agenda().schedule_after(message, clock_ * tbu_before(request.sid).link_to_tcu, Phase::arrive, *this);
}

void IommuDevice::send_page_answers() {
    if (page_requests_ == nullptr) return;
    while (const auto response = page_requests_->take_page_response()) {
        if (atcs_.find(response->sid) == atcs_.end()) continue;  // no endpoint of that stream
        PageMessage& message = new_page_message();
        message.request.reset();
        message.response = *response;
        agenda().schedule_after(message, clock_ * tbu_before(response->sid).link_from_tcu, Phase::arrive, *this);
    }
}

void IommuDevice::page_step(PageMessage& message) {
    free_page_messages_.push_back(&message);
    if (!message.request) {
        atcs_.at(message.response.sid).answer(message.response);
        return;
    }
    ++counts_.page_requests;
    if (!page_requests_->page_request(*message.request)) ++counts_.page_requests_answered;
    wake();
}

}  // namespace xlate::soc
