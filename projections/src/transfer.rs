//! What MiniDNS reads of a zone.
