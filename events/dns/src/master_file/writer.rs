//! Writing master files: absolute names, one line a record.

use std::io::{self, Write};

use crate::name::Name;
use crate::rrset::Rrset;
use crate::ttl::Ttl;

/// Writes a whole zone: `$ORIGIN`, `$TTL`, then every record on a line of its own with its TTL.
pub fn write_zone<'a>(
    out: &mut impl Write,
    origin: &Name,
    default_ttl: Ttl,
    rrsets: impl IntoIterator<Item = &'a Rrset>,
) -> io::Result<()> {
    write_header(out, origin, default_ttl)?;
    rrsets.into_iter().try_for_each(|rrset| write_rrset(out, rrset))
}

/// Writes the `$ORIGIN` and `$TTL` lines and the empty line after them.
pub fn write_header(out: &mut impl Write, origin: &Name, default_ttl: Ttl) -> io::Result<()> {
    write!(out, "$ORIGIN {origin}\n$TTL {default_ttl}\n\n")
}

/// Writes the records of one RRset, each as `name ttl IN type data`.
pub fn write_rrset(out: &mut impl Write, rrset: &Rrset) -> io::Result<()> {
    let Rrset {
        owner,
        rrtype,
        ttl,
        rdata,
    } = rrset;
    rdata
        .iter()
        .try_for_each(|rdata| writeln!(out, "{owner} {ttl} IN {rrtype} {rdata}"))
}
