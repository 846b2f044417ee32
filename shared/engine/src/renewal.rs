//! Keeping Graph's subscriptions alive, and finding what nobody works on.

#[cfg(test)]
pub(crate) mod fake;
