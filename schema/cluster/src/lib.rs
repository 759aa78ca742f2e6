//! A private PostgreSQL cluster from the machine's binaries: made, started and stopped by its owner.
