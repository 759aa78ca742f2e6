//! Gets of a zone without authentication, with Zonelog's own tokens and with a Keystone's, whose answer about a token is
//! remembered: three Zonelogs side by side, asked in turn.

use zonelog_test_parts::keystone::Keystone;
use zonelog_tests::{Zonelog, ZonelogOptions};

use super::{Api, ROUNDS};
use crate::Result;
use crate::report::{Bar, Figure, Report, median};

const CLIENTS: usize = 32;

/// Measures; `zonelog` has tokens of its own.
pub(super) async fn gets(report: &mut Report, zonelog: &Zonelog) -> Result<()> {
    let keystone = Keystone::start(&format!("http://{}", zonelog.api())).await;
    let password = zonelog.data().join("keystone-password");
    std::fs::write(&password, &keystone.user("zonelog").password)?;
    let open = ZonelogOptions {
        api: "auth = \"none\"".to_owned(),
        ..ZonelogOptions::default()
    };
    let cloud = ZonelogOptions {
        api: "auth = \"keystone\"".to_owned(),
        more: format!(
            "\n[keystone]\nauth_url = \"{}\"\npassword_file = \"{}\"\n",
            keystone.url(),
            password.display()
        ),
        ..ZonelogOptions::default()
    };
    let (open, cloud) = (Zonelog::up(&[], &open).await, Zonelog::up(&[], &cloud).await);
    let token = keystone.token("alpha-admin", "alpha").await;
    let mut kinds = Vec::new();
    for api in [
        Api::with_token(open.api(), ""),
        Api::of(zonelog)?,
        Api::with_token(cloud.api(), &token),
    ] {
        let zone = api.create_zone("gets.bench.").await?;
        kinds.push((api, format!("/v2/zones/{zone}"), Vec::new()));
    }
    for _ in 0..ROUNDS {
        for (api, path, rates) in &mut kinds {
            rates.push(api.gets(path, CLIENTS).await?.per_second);
        }
    }
    let mut rates = kinds.into_iter().map(|(_, _, rates)| median(rates));
    let yardstick = rates.next().unwrap_or_default();
    for (what, rate) in ["one of Zonelog's own tokens", "a Keystone token"]
        .iter()
        .zip(rates)
    {
        report.add(
            Figure::new(format!("gets with {what}, {CLIENTS} clients"), rate, "/s")
                .beside(yardstick)
                .named("none")
                .bar(Bar::TimesAtLeast(0.8)),
        );
    }
    Ok(())
}
