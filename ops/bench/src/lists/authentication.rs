//! Gets of a zone without authentication, with Zonelog's own tokens and with a Keystone's, whose answer about a token is
//! remembered.

use zonelog_test_parts::keystone::Keystone;
use zonelog_tests::Zonelog;

use super::{Api, ROUNDS};
use crate::Result;
use crate::report::{Bar, Figure, Report, median};

const CLIENTS: usize = 32;

/// Restarts Zonelog with each kind of authentication, and measures.
pub(super) async fn gets(report: &mut Report, mut zonelog: Zonelog) -> Result<()> {
    let own = Api::of(&zonelog)?;
    let keystone = Keystone::start(&format!("http://{}", zonelog.api())).await;
    let password = zonelog.data().join("keystone-password");
    std::fs::write(&password, &keystone.user("zonelog").password)?;
    let section = format!(
        "\n[keystone]\nauth_url = \"{}\"\npassword_file = \"{}\"\n",
        keystone.url(),
        password.display()
    );
    restart(&mut zonelog, "none", "").await?;
    let nobody = Api::with_token(zonelog.api(), "");
    let before = measure(&nobody, "none.bench.").await?;
    restart(&mut zonelog, "tokens", "").await?;
    let tokens = measure(&own, "tokens.bench.").await?;
    restart(&mut zonelog, "keystone", &section).await?;
    let member = Api::with_token(zonelog.api(), &keystone.token("alpha-member", "alpha").await);
    let cloud = measure(&member, "keystone.bench.").await?;
    restart(&mut zonelog, "none", "").await?;
    let after = measure(&nobody, "none-again.bench.").await?;
    let yardstick = median(before.into_iter().chain(after).collect());
    for (what, rates) in [
        ("one of Zonelog's own tokens", tokens),
        ("a Keystone token", cloud),
    ] {
        report.add(
            Figure::new(
                format!("gets with {what}, {CLIENTS} clients; none"),
                median(rates),
                "/s",
            )
            .beside(yardstick)
            .bar(Bar::TimesAtLeast(0.8)),
        );
    }
    Ok(())
}

async fn measure(api: &Api, name: &str) -> Result<Vec<f64>> {
    let zone = api.create_zone(name).await?;
    let path = format!("/v2/zones/{zone}");
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        rates.push(api.gets(&path, CLIENTS).await?.per_second);
    }
    Ok(rates)
}

/// Restarts with another `api.auth`, and sections behind the configuration's.
async fn restart(zonelog: &mut Zonelog, auth: &str, sections: &str) -> Result<()> {
    zonelog.stop().await?;
    let path = zonelog.config_path();
    let original = path.with_extension("original");
    if !original.exists() {
        std::fs::copy(&path, &original)?;
    }
    let text = std::fs::read_to_string(&original)?;
    let text = text.replacen("[api]\n", &format!("[api]\nauth = \"{auth}\"\n"), 1);
    std::fs::write(&path, format!("{text}{sections}"))?;
    zonelog.start_again().await;
    Ok(())
}
