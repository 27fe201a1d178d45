#include "timeline.hpp"

#include <algorithm>
#include <cmath>

namespace tasuki::lab {

namespace {

bool opens_span(std::vector<answer_span> const& spans, moment at, moment join) {
    return spans.empty() || at - spans.back().last > join;
}

} // namespace

timeline::news timeline::answered(std::string const& source, moment at) {
    news out;
    if (last_ && at > *last_) {
        out.gap = silence{*last_, at};
        if (out.gap->length() > longest_.length())
            longest_ = *out.gap;
    }
    last_ = std::max(last_.value_or(at), at);

    auto& spans = spans_[source];
    out.begins = opens_span(spans, at, join_);
    if (out.begins)
        spans.push_back({at, at, 0});
    spans.back().last = std::max(spans.back().last, at);
    ++spans.back().answers;
    return out;
}

std::vector<overlap> timeline::overlaps() const {
    std::vector<overlap> out;
    for (auto one = spans_.begin(); one != spans_.end(); ++one)
        for (auto other = std::next(one); other != spans_.end(); ++other)
            for (auto const& a : one->second)
                for (auto const& b : other->second) {
                    auto const from = std::max(a.first, b.first);
                    auto const to = std::min(a.last, b.last);
                    if (from <= to)
                        out.push_back({one->first, other->first, from, to});
                }
    std::ranges::sort(out, {}, &overlap::from);
    return out;
}

moment timeline::dual_active() const {
    moment total{};
    moment covered = moment::min();
    for (auto const& shared : overlaps()) {
        auto const from = std::max(shared.from, covered);
        if (shared.to > from)
            total += shared.to - from;
        covered = std::max(covered, shared.to);
    }
    return total;
}

moment percentile(std::vector<moment> values, double share) {
    if (values.empty())
        return {};
    std::ranges::sort(values);
    auto const rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

} // namespace tasuki::lab
