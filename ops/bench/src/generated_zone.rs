//! A zone of any size as real ones are mixed: of every 100 records 51 are A, 17 AAAA, 12 CNAME, 8 TXT, 5 MX, 3 NS
//! (delegations), 3 SRV and 1 CAA, at owners of one to four labels. The same on every machine.

/// The records of one owner and type, as text.
#[derive(Debug)]
pub(crate) struct GeneratedRrset {
    /// The owner, absolute.
    pub(crate) owner: String,
    /// The type's mnemonic.
    pub(crate) rrtype: &'static str,
    /// A TTL of its own; the others follow the zone's.
    pub(crate) ttl: Option<u32>,
    /// The data in presentation form, names absolute.
    pub(crate) records: Vec<String>,
}

/// Records in a block: the smallest zone that has the mix.
const BLOCK: usize = 100;
const WORDS: [&str; 8] = ["web", "mail", "db", "node", "build", "cache", "edge", "store"];

/// The RRsets of a zone `origin` with so many records (whole hundreds), without SOA and NS of the apex.
pub(crate) fn rrsets(origin: &str, records: usize) -> impl Iterator<Item = GeneratedRrset> {
    let origin = origin.to_owned();
    (0..records / BLOCK).flat_map(move |number| Block::new(&origin, number).rrsets)
}

struct Block<'a> {
    origin: &'a str,
    number: usize,
    random: u64,
    rrsets: Vec<GeneratedRrset>,
}

impl<'a> Block<'a> {
    fn new(origin: &'a str, number: usize) -> Self {
        let random = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut block = Self {
            origin,
            number,
            random,
            rrsets: Vec::with_capacity(BLOCK),
        };
        let hosts: Vec<String> = (0..45).map(|host| block.host(host)).collect();
        // 6 hosts have two addresses: 51 A.
        for (at, host) in hosts.iter().enumerate() {
            let addresses = (0..1 + usize::from(at < 6)).map(|_| block.ipv4()).collect();
            block.push(host, "A", addresses);
        }
        for host in &hosts[..17] {
            let address = block.ipv6();
            block.push(host, "AAAA", vec![address]);
        }
        for host in &hosts[20..32] {
            let target = host.clone();
            block.push(&format!("www.{host}"), "CNAME", vec![target]);
        }
        for host in &hosts[..4] {
            block.push(
                host,
                "TXT",
                vec!["\"v=spf1 mx include:_spf.example.net -all\"".to_owned()],
            );
        }
        for host in &hosts[4..8] {
            let text = block.token();
            block.push(&format!("_acme-challenge.{host}"), "TXT", vec![text]);
        }
        for (host, count) in [(&hosts[0], 2), (&hosts[1], 2), (&hosts[2], 1)] {
            let exchanges = (0..count)
                .map(|at| format!("{}0 {}", at + 1, hosts[40 + at]))
                .collect();
            block.push(host, "MX", exchanges);
        }
        let name = |label: &str| format!("{label}{number}.{origin}");
        let servers = |count| (1..=count).map(|at| format!("ns{at}.example.net.")).collect();
        block.push(&name("branch"), "NS", servers(2));
        block.push(&name("lab"), "NS", servers(1));
        for (service, port, host) in [
            ("_sip._tcp", 5060, 8),
            ("_ldap._tcp", 389, 9),
            ("_xmpp._tcp", 5222, 10),
        ] {
            let record = format!("0 5 {port} {}", hosts[host]);
            block.push(&format!("{service}.{}", hosts[host]), "SRV", vec![record]);
        }
        block.push(&hosts[3], "CAA", vec!["0 issue \"ca.example.net\"".to_owned()]);
        block
    }

    fn push(&mut self, owner: &str, rrtype: &'static str, records: Vec<String>) {
        let ttl = self.next().is_multiple_of(4).then_some(300);
        self.rrsets.push(GeneratedRrset {
            owner: owner.to_owned(),
            rrtype,
            ttl,
            records,
        });
    }

    /// A host's name: of one label, two, three or four, never below a delegation.
    fn host(&mut self, host: usize) -> String {
        let word = WORDS[(self.next() % 8) as usize];
        let (number, origin) = (self.number, self.origin);
        match host % 10 {
            0..=3 => format!("{word}{number}-{host}.{origin}"),
            4..=7 => format!("{word}{host}.dept{number}.{origin}"),
            8 => format!("{word}{host}.rack{}.site{}.{origin}", number % 100, number / 100),
            _ => format!(
                "{word}{host}.row{number}.rack{}.site{}.{origin}",
                number % 100,
                number / 100
            ),
        }
    }

    fn ipv4(&mut self) -> String {
        let [a, b, c, ..] = self.next().to_be_bytes();
        format!("10.{a}.{b}.{c}")
    }

    fn ipv6(&mut self) -> String {
        let low = self.next();
        format!(
            "2001:db8::{:x}:{:x}:{:x}",
            low >> 32 & 0xffff,
            low >> 16 & 0xffff,
            low & 0xffff
        )
    }

    /// As a certificate authority's challenge: 43 characters.
    fn token(&mut self) -> String {
        format!(
            "\"{:016x}{:016x}{:011x}\"",
            self.next(),
            self.next(),
            self.next() >> 20
        )
    }

    /// The next number of splitmix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn it_has_the_mix_and_every_rrset_once() {
        let mut counts = BTreeMap::new();
        let mut keys = BTreeSet::new();
        for rrset in rrsets("zone.bench.", 1000) {
            *counts.entry(rrset.rrtype).or_insert(0) += rrset.records.len();
            assert!(
                keys.insert((rrset.owner.clone(), rrset.rrtype)),
                "{rrset:?} twice"
            );
        }
        let wanted = [
            ("A", 510),
            ("AAAA", 170),
            ("CAA", 10),
            ("CNAME", 120),
            ("MX", 50),
            ("NS", 30),
            ("SRV", 30),
            ("TXT", 80),
        ];
        assert_eq!(counts, wanted.into());
    }
}
