//! What people, and machines, do with what we sent.
