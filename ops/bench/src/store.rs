//! `store`: one-event appends by 1, 8 and 64 concurrent callers through one group-committing writer, against
//! (a) a counter row updated in a transaction an append, and (b) plain single-row INSERTs, which order nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::{Client, NoTls, Statement};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_central::{clock, ids};
use zonelog_cluster::{Cluster, DATABASE, Role};
use zonelog_dns::{LongSerial, OwnerName, Rrtype, Ttl};
use zonelog_model::zone::{self, Record, Recordset};
use zonelog_model::{Actor, Door, Event, Metadata, ProjectId, StreamId, stored};
use zonelog_store::{Append, AppendOutcome, AppendWork, Database, Expected, Writer, WriterOptions};

use crate::Result;
use crate::load::{Load, closed_loop};
use crate::pgbench::private_cluster;
use crate::report::{Bar, Figure, Report, median, say};

/// The tables of the yardsticks: the log's columns, as far as an append fills them.
const TABLES: &str = "
    create table counter (id int primary key, position bigint not null) with (fillfactor = 10);
    insert into counter values (0, 0);
    create table counted (
        position bigint primary key, stream uuid not null, version bigint not null, type text not null,
        payload jsonb not null, recorded_at timestamptz not null default now(), unique (stream, version));
    create table plain (
        position bigserial primary key, stream uuid not null, version bigint not null, type text not null,
        payload jsonb not null, recorded_at timestamptz not null default now(), unique (stream, version));";

/// The strictest form of (a): counter and row in one statement, one round trip, one transaction.
const COUNTED: &str = "
    with head as (update counter set position = position + 1 where id = 0 returning position)
    insert into counted (position, stream, version, type, payload)
    select position, $1, $2, 'recordset_created', $3::text::jsonb from head";

const PLAIN: &str = "
    insert into plain (stream, version, type, payload) values ($1, $2, 'recordset_created', $3::text::jsonb)";

const RUN: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;
const CALLERS: [usize; 3] = [1, 8, 64];
/// Appends go to so many streams, at random.
const STREAMS: u32 = 4096;

pub(crate) async fn run() -> Result<bool> {
    let (_folder, cluster) = private_cluster().await?;
    migrate(&cluster).await?;
    let database = Database::new(&cluster.url(Role::Service, DATABASE), "zonelog-bench")?;
    let shutdown = CancellationToken::new();
    let writer = Writer::start(
        database,
        AppendWork::default(),
        WriterOptions::default(),
        shutdown.clone(),
    );
    let sample = Arc::new(Sample::new()?);
    say(&format!(
        "  an event's payload has {} octets",
        sample.payload.len()
    ));

    let mut report = Report::new("store");
    for callers in CALLERS {
        let (mut ours, mut counted, mut plain) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(appends(&writer, &sample, callers).await?);
            counted.push(inserts(&cluster, COUNTED, &sample, callers).await?);
            plain.push(inserts(&cluster, PLAIN, &sample, callers).await?);
        }
        add(&mut report, callers, &ours, &counted, &plain);
    }
    shutdown.cancel();
    writer.ended().await;
    cluster.stop().await?;
    Ok(report.finish())
}

fn add(report: &mut Report, callers: usize, ours: &[Load], counted: &[Load], plain: &[Load]) {
    let rate = |loads: &[Load]| median(loads.iter().map(|load| load.per_second).collect());
    let percentile =
        |loads: &[Load], percent| median(loads.iter().map(|load| load.times.percentile(percent)).collect());
    let judged = callers == 64;
    let with = |figure: Figure, bar| if judged { figure.bar(bar) } else { figure };
    let appends = || Figure::new(format!("appends, {callers} callers"), rate(ours), "/s");
    let mut figure = appends().beside(rate(counted)).named("a counter row");
    report.add(with(figure, Bar::TimesAtLeast(8.0)));
    figure = appends().beside(rate(plain)).named("plain INSERTs");
    report.add(with(figure, Bar::TimesAtLeast(0.8)));
    for percent in [50.0, 99.0] {
        let latency = || {
            Figure::new(
                format!("  p{percent}, {callers} callers"),
                percentile(ours, percent),
                "ms",
            )
        };
        report.add(
            latency()
                .beside(percentile(counted, percent))
                .named("a counter row"),
        );
        figure = latency()
            .beside(percentile(plain, percent))
            .named("plain INSERTs");
        report.add(if percent == 99.0 {
            with(figure, Bar::AtMost(20.0))
        } else {
            figure
        });
    }
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Makes the log, and the tables of the yardsticks beside it in the same database.
async fn migrate(cluster: &Cluster) -> Result<()> {
    let mut owner = connect(&cluster.url(Role::Owner, DATABASE)).await?;
    zonelog_schema::migrate(&mut owner, Role::Service.name()).await?;
    owner.batch_execute("create schema yardstick").await?;
    owner.batch_execute("set search_path to yardstick").await?;
    owner.batch_execute(TABLES).await?;
    let service = Role::Service.name();
    owner
        .batch_execute(&format!(
            "grant usage on schema yardstick to {service};
             grant all on all tables in schema yardstick to {service};
             grant all on all sequences in schema yardstick to {service};"
        ))
        .await?;
    Ok(())
}

/// What every append writes.
struct Sample {
    recordset: Recordset,
    metadata: Metadata,
    /// The stored form of such an event, for the yardsticks.
    payload: String,
}

impl Sample {
    fn new() -> Result<Self> {
        let project = ProjectId::new("0b7a4f6e2c1d4b0f9e8d7c6b5a493827").ok_or("a project id")?;
        let a = Rrtype::parse("A")?;
        let recordset = Recordset {
            id: ids::recordset_id(),
            owner: OwnerName::parse("frontend-17.eu-west.production.customer.example.org.")?,
            rrtype: a,
            ttl: Some(Ttl::new(300)?),
            records: vec![
                Record::parse(a, "192.0.2.17")?,
                Record::parse(a, "198.51.100.117")?,
            ],
            description: Some("load balancer of the shop's front end".to_owned()),
            managed: false,
            managed_resource: None,
            project: project.clone(),
            revision: 1,
            created_at: clock::now(),
            updated_at: None,
        };
        let metadata = Metadata {
            actor: Actor {
                user: "6d5c4b3a29180716253443526170f8e9".to_owned(),
                project,
                roles: vec!["member".to_owned(), "reader".to_owned()],
                door: Door::Api,
            },
            change_id: ids::change_id(),
            request_id: Some(ids::request_id()),
            cause: None,
        };
        let payload = stored::encode(&created(&recordset)).payload;
        Ok(Self {
            recordset,
            metadata,
            payload,
        })
    }

    /// A change of its own: another recordset, another change id.
    fn append(&self) -> Append {
        let recordset = Recordset {
            id: ids::recordset_id(),
            ..self.recordset.clone()
        };
        let metadata = Metadata {
            change_id: ids::change_id(),
            ..self.metadata.clone()
        };
        Append::to(
            random_stream(),
            Expected::Any,
            vec![created(&recordset)],
            &metadata,
            clock::now(),
        )
    }
}

fn created(recordset: &Recordset) -> Event {
    zone::Event::RecordsetCreated {
        recordset: recordset.clone(),
        serial: Some(LongSerial::from_i64(1_795_000_000)),
    }
    .into()
}

fn random_stream() -> StreamId {
    // Spread over the index as random ids are, and the same ones in every round.
    let number = u128::from(ids::random_below(STREAMS)) + 1;
    StreamId::new(Uuid::from_u128(
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
    ))
}

async fn appends(writer: &Writer<AppendWork>, sample: &Arc<Sample>, callers: usize) -> Result<Load> {
    let callers = vec![(writer.clone(), sample.clone()); callers];
    closed_loop(callers, RUN, |(writer, sample), _| async move {
        match writer.submit(sample.append()).await? {
            AppendOutcome::Appended { .. } => Ok((writer, sample)),
            other => Err(format!("an append was not written: {other:?}").into()),
        }
    })
    .await
}

/// A connection of a yardstick's caller.
struct Inserter {
    client: Client,
    statement: Statement,
    sample: Arc<Sample>,
    version: i64,
}

async fn inserts(cluster: &Cluster, sql: &str, sample: &Arc<Sample>, callers: usize) -> Result<Load> {
    let url = cluster.url(Role::Service, DATABASE);
    let mut inserters = Vec::new();
    for caller in 0..callers {
        let client = connect(&url).await?;
        client.batch_execute("set search_path to yardstick").await?;
        let statement = client.prepare(sql).await?;
        // Versions of a stream grow, and never meet another caller's or another round's.
        let version = clock::now().timestamp_micros() * 64 + i64::try_from(caller)?;
        inserters.push(Inserter {
            client,
            statement,
            sample: sample.clone(),
            version,
        });
    }
    closed_loop(inserters, RUN, |mut inserter, _| async move {
        inserter.version += 64 * 1024;
        let Inserter {
            client,
            statement,
            sample,
            version,
        } = &inserter;
        client
            .execute(statement, &[&random_stream().uuid(), version, &sample.payload])
            .await?;
        Ok(inserter)
    })
    .await
}
