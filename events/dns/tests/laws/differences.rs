//! Laws of zone differences.

use proptest::prelude::*;
use zonelog_dns::{Rrset, ZoneImage, difference};

use crate::generators::zone;

fn image(zone: &[Rrset]) -> ZoneImage {
    zone.iter()
        .map(|rrset| ((rrset.owner.clone(), rrset.rrtype), rrset.clone()))
        .collect()
}

proptest! {
    #[test]
    fn a_difference_leads_from_one_state_to_the_other(before in zone(), after in zone()) {
        let mut state = image(&before);
        difference(&before, &after).apply(&mut state).unwrap();
        prop_assert_eq!(state, image(&after));
    }

    #[test]
    fn two_steps_condense_to_one(first in zone(), second in zone(), third in zone()) {
        let condensed = difference(&first, &second).then(&difference(&second, &third));
        prop_assert_eq!(condensed, difference(&first, &third));
    }

    #[test]
    fn going_back_leaves_nothing(before in zone(), after in zone()) {
        prop_assert!(difference(&before, &after).then(&difference(&after, &before)).is_empty());
        prop_assert_eq!(difference(&before, &after).is_empty(), image(&before) == image(&after));
    }
}
