#include "fs/read_planner.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace datashim::fs {

using store::ByteRange;

ReadPlanner::ReadPlanner(std::uint64_t object_bytes,
                         const ReadPlannerOptions& options)
    : object_bytes_(object_bytes), options_(options) {
  DS_CHECK(std::has_single_bit(options.part_bytes));
}

ReadPlan ReadPlanner::OnRead(ByteRange read, std::uint64_t window_bytes_max) {
  DS_CHECK(read.size > 0 && read.end() <= object_bytes_);
  ReadPlan plan;
  ++tick_;
  if (object_bytes_ <= options_.whole_bytes_max) {
    plan.pieces.push_back({0, object_bytes_});
    plan.run_bytes = object_bytes_;
    return plan;
  }
  Stream* stream = FindStream(read.offset);
  if (stream == nullptr) {
    stream = &StartStream(read, plan);
  } else if (read.end() > stream->next) {
    // Twice the window for every read that goes on; a small reader earns it in
    // proportion to what it reads.
    stream->window =
        std::min(std::max(stream->window * 2, read.size * 2), window_bytes_max);
    stream->next = read.end();
    stream->planned_end = std::max(stream->planned_end, stream->next);
  }
  stream->last_read = tick_;
  plan.run_bytes = stream->next - stream->first;
  Extend(*stream, plan);
  if (stream->next > stream->begin + options_.back_bytes) {
    const std::uint64_t end = stream->next - options_.back_bytes;
    plan.spent = {stream->begin, end - stream->begin};
  }
  return plan;
}

// The stream whose reader may be at `offset`: where it is expected, a little
// before, or within what is already planned for it.
ReadPlanner::Stream* ReadPlanner::FindStream(std::uint64_t offset) {
  Stream* best = nullptr;
  for (auto& stream : streams_) {
    if (!stream) continue;
    const std::uint64_t back = std::min(stream->next, options_.back_bytes);
    if (offset < std::max(stream->next - back, stream->begin) ||
        offset > stream->planned_end) {
      continue;
    }
    if (best == nullptr || stream->next > best->next) best = &*stream;
  }
  return best;
}

ReadPlanner::Stream& ReadPlanner::StartStream(ByteRange read, ReadPlan& plan) {
  const bool first = tick_ == 1;
  auto* slot = &streams_[0];
  for (auto& candidate : streams_) {
    if (!slot->has_value()) break;
    if (!candidate || candidate->last_read < (*slot)->last_read) {
      slot = &candidate;
    }
  }
  if (*slot && (*slot)->planned_end > (*slot)->next) {
    plan.dropped = {(*slot)->next, (*slot)->planned_end - (*slot)->next};
  }
  Stream& stream = (*slot = Stream{}).value();
  stream.first = read.offset;
  stream.begin = read.offset;
  stream.next = read.end();
  stream.planned_end = read.end();
  if (first && read.offset == 0) {
    const std::uint64_t end =
        std::min(std::max(read.end(), options_.first_bytes), object_bytes_);
    plan.pieces.push_back({0, end});
    stream.planned_end = end;
    stream.window = options_.first_bytes;
  }
  return stream;
}

// Plans pieces until the window is full. A piece that does not fit into the
// window waits until it does, so that GETs are large; the pieces themselves
// grow with the window, so that the first bytes come soon.
void ReadPlanner::Extend(Stream& stream, ReadPlan& plan) const {
  const std::uint64_t target =
      std::min(stream.next + stream.window, object_bytes_);
  while (stream.planned_end < target) {
    const std::uint64_t part =
        std::min(options_.part_bytes,
                 std::bit_floor(std::max<std::uint64_t>(stream.window / 2, 1)));
    const std::uint64_t begin = stream.planned_end;
    // Ends where a part of that size would: pieces become aligned.
    const std::uint64_t end =
        std::min((begin + part) / part * part, object_bytes_);
    if (end > target) return;
    plan.pieces.push_back({begin, end - begin});
    stream.planned_end = end;
  }
}

}  // namespace datashim::fs
