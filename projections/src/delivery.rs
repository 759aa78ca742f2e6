//! What the pools' name servers were seen to serve.
