//! What receivers ask about a sender: the records SPF, DKIM and DMARC publish in DNS, and what senders ask about a
//! receiver, read and judged without any I/O.

pub mod blocklist;
pub mod dkim;
pub mod dmarc;
pub mod hello;
pub mod mta_sts;
pub mod spf;
