//! Whether a change has arrived at the pool's name servers.
