//! Policies in code are held to the bounds that files are held to.

use std::ops::RangeInclusive;

use crate::shadow::policy::{ComparePolicy, ShadowBreaker, ShadowLimits, ShadowPolicy, StorePolicy};

/// A policy with everything within its bounds: limits beyond them are the nearest bound, and what is no number is the
/// default. A policy out of a file is within them.
pub(super) fn bounded(policy: ShadowPolicy) -> ShadowPolicy {
    let ShadowPolicy { id, sample, by, amplify, limits, breaker, compare, store } = policy;
    let default = ShadowPolicy::default();
    ShadowPolicy {
        id,
        sample: number(sample, ShadowPolicy::SAMPLE, default.sample),
        by,
        amplify: number(amplify, ShadowPolicy::AMPLIFY, default.amplify),
        limits: ShadowLimits {
            in_flight: within(limits.in_flight, ShadowLimits::IN_FLIGHT),
            rate: number(limits.rate, ShadowLimits::RATE, default.limits.rate),
            queue: within(limits.queue, ShadowLimits::QUEUE),
            timeout: within(limits.timeout, ShadowLimits::TIMEOUT),
            body: within(limits.body, ShadowLimits::BODY),
        },
        breaker: ShadowBreaker {
            failures: number(breaker.failures, ShadowBreaker::FAILURES, default.breaker.failures),
            over: within(breaker.over, ShadowBreaker::OVER),
            min: within(breaker.min, ShadowBreaker::MIN),
            half_open: within(breaker.half_open, ShadowBreaker::HALF_OPEN),
            primary_p99: breaker.primary_p99.map(|ratio| number(ratio, ShadowBreaker::PRIMARY_P99, 1.10)),
        },
        compare: ComparePolicy { float: number(compare.float, ComparePolicy::FLOAT, 0.0), ..compare },
        store: StorePolicy {
            per_field: within(store.per_field, StorePolicy::PER_FIELD),
            max: within(store.max, StorePolicy::MAX),
            ..store
        },
    }
}

fn within<N: Ord + Copy>(value: N, bounds: RangeInclusive<N>) -> N {
    value.clamp(*bounds.start(), *bounds.end())
}

fn number(value: f64, bounds: RangeInclusive<f64>, default: f64) -> f64 {
    if value.is_nan() { default } else { value.clamp(*bounds.start(), *bounds.end()) }
}
