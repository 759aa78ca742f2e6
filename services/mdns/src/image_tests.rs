use std::collections::BTreeMap;

use proptest::prelude::*;
use zonelog_dns::{Name, Serial, Soa};

use super::*;
use crate::chunk::{ChunkWriter, RrsetRow};
use crate::read_back::read_back;

/// Owners and how many records of some 500 octets each has.
type Rows = BTreeMap<u16, u8>;

fn soa() -> SoaRecord {
    let name = Name::parse("zone.test.").unwrap();
    let soa = Soa {
        mname: name.clone(),
        rname: name.clone(),
        serial: Serial::new(7),
        refresh: 1,
        retry: 1,
        expire: 1,
        minimum: 1,
    };
    SoaRecord {
        apex: name.wire().into(),
        ttl: 60,
        rdata: soa.to_rdata(),
    }
}

fn render<'a>(rows: impl IntoIterator<Item = (&'a u16, &'a u8)>, first: bool) -> Vec<Arc<Chunk>> {
    let soa = soa();
    let mut writer = ChunkWriter::new(first.then_some(&soa.apex));
    if first {
        writer.record(soa.record()).unwrap();
    }
    for (owner, count) in rows {
        let name = Name::parse(&format!("n{owner:05}.zone.test.")).unwrap();
        let mut rdata = Vec::new();
        for at in 0..*count {
            rdata.extend([1, 244]);
            rdata.extend([at; 500]);
        }
        let row = RrsetRow {
            key: &name.to_key(),
            owner: name.wire(),
            rrtype: 65280,
            ttl: 60,
            rdata: &rdata,
        };
        writer.rrset(row).unwrap();
    }
    writer.finish()
}

fn key(owner: u16) -> Vec<u8> {
    Name::parse(&format!("n{owner:05}.zone.test.")).unwrap().to_key()
}

/// The records of an image as they are read by somebody who takes the transfer.
fn records(image: &Image) -> Vec<(String, Vec<u8>)> {
    let records = read_back(&image.chunks, 252).into_iter();
    let records = records.map(|record| (record.name.to_string(), record.data.to_string().into_bytes()));
    records.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replacing_what_changed_equals_building_anew(
        before in proptest::collection::btree_map(0_u16..300, 0_u8..4, 0..300),
        big in proptest::collection::btree_map(0_u16..300, 30_u8..90, 0..4),
        changes in proptest::collection::btree_map(0_u16..300, 0_u8..60, 0..12),
    ) {
        let mut before: Rows = before;
        before.extend(big);
        let image = Image::new(1, &soa(), render(&before, true));
        let mut after = before.clone();
        after.extend(&changes);
        let keys: Vec<Vec<u8>> = changes.keys().map(|owner| key(*owner)).collect();
        let anew = Image::new(2, &soa(), render(&after, true));
        let Some(runs) = image.stale(&keys) else { return Ok(()) };
        let replaced = runs.into_iter().map(|run| {
            let inside = |owner: &u16| {
                let key = key(*owner);
                key >= run.lower && run.upper.as_ref().is_none_or(|upper| key < *upper)
            };
            let chunks = render(after.iter().filter(|(owner, _)| inside(owner)), run.chunks.start == 0);
            (run, chunks)
        });
        let replaced = image.replace(2, &soa(), replaced.collect());
        prop_assert_eq!(replaced.serial, 2);
        prop_assert_eq!(records(&replaced), records(&anew));
    }

    #[test]
    fn a_change_touches_few_chunks(owner in 0_u16..1000) {
        let rows: Rows = (0..1000).map(|owner| (owner, 2)).collect();
        let image = Image::new(1, &soa(), render(&rows, true));
        prop_assert!(image.chunks.len() > 50);
        let runs = image.stale(&[key(owner)]).unwrap();
        let touched: usize = runs.iter().map(|run| run.chunks.len()).sum();
        prop_assert!(touched <= 6, "{touched} chunks");
        prop_assert_eq!(runs[0].chunks.start, 0, "the SOA is rendered anew");
    }
}

#[test]
fn an_image_full_of_holes_is_built_anew() {
    let rows: Rows = (0..600).map(|owner| (owner, 1)).collect();
    let mut image = Image::new(1, &soa(), render(&rows, true));
    assert!(image.stale(&[key(5)]).is_some());
    image.octets = image.chunks.len() * 1000;
    assert!(image.stale(&[key(5)]).is_none());
}
