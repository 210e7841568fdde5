//! A small bounded map of things that are expensive to make.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

/// Keeps the last `max` things put in; the oldest leaves first.
pub struct Cache<T> {
    max: usize,
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    things: HashMap<String, Arc<T>>,
    /// Keys in the order they came.
    order: VecDeque<String>,
}

impl<T> Cache<T> {
    /// An empty cache of `max` places.
    pub fn new(max: usize) -> Self {
        Self { max, inner: Mutex::new(Inner { things: HashMap::new(), order: VecDeque::new() }) }
    }

    /// What is kept under `key`.
    pub fn get(&self, key: &str) -> Option<Arc<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).things.get(key).cloned()
    }

    /// Keeps `value` under `key`, in the place of what was there, and returns it shared.
    pub fn put(&self, key: &str, value: T) -> Arc<T> {
        let value = Arc::new(value);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.things.insert(key.to_owned(), value.clone()).is_none() {
            inner.order.push_back(key.to_owned());
        }
        while inner.order.len() > self.max {
            if let Some(oldest) = inner.order.pop_front() {
                inner.things.remove(&oldest);
            }
        }
        value
    }
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self::new(128)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_leaves_first() {
        let cache = Cache::new(2);
        for key in ["a", "b", "b", "c"] {
            cache.put(key, key.to_owned());
        }
        assert!(cache.get("a").is_none());
        assert_eq!(cache.get("b").as_deref().map(String::as_str), Some("b"));
        assert!(cache.get("c").is_some());
    }
}
