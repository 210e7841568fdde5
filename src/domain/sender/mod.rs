//! What receivers ask about a sender: the records SPF, DKIM and DMARC publish in DNS, read and judged without any I/O.

pub mod dkim;
pub mod dmarc;
pub mod spf;
