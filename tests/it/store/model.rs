//! A seeded model of the queue.
