//! Zonelog as its users run it: the binary as a child process, with a private PostgreSQL and real name servers.
