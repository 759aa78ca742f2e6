//! What the writer does with a batch of commands.

use std::sync::Arc;

use futures_util::{join, try_join};
use tokio::sync::Notify;
use tokio_postgres::Client;
use zonelog_model::zone::Registry;
use zonelog_model::{Event, Position};
use zonelog_projections::inline::{InlineDelta, InlineWriter};
use zonelog_projections::zone_state::WriteError;
use zonelog_store::{Appending, BatchWork, StoreError};

use crate::clock;
use crate::deciding::{Deciding, Outcome};
use crate::load::{Loaded, Queries};
use crate::overlay::{Circumstances, Overlay};
use crate::registry::{KnownRegistry, ShownRegistry};
use crate::request::Request;
use crate::side_rows::{SideRowWriter, SideRows};

/// The work of a batch, and what lives from one of its phases to the next.
pub(crate) struct CentralWork {
    circumstances: Circumstances,
    /// The registry as of what is committed and was read or written here.
    registry: KnownRegistry,
    /// What others in the process see of it.
    shown: ShownRegistry,
    /// Woken when an import was accepted.
    importer: Arc<Notify>,
    prepared: Option<Prepared>,
    loaded: Loaded,
    side_rows: SideRows,
    /// The registry as the batch makes it, if it does.
    made: Option<KnownRegistry>,
}

/// The statements of the present connection.
struct Prepared {
    queries: Queries,
    inline: InlineWriter,
    side_rows: SideRowWriter,
}

impl CentralWork {
    pub(crate) fn new(circumstances: Circumstances, shown: ShownRegistry, importer: Arc<Notify>) -> Self {
        Self {
            circumstances,
            registry: shown.known(),
            shown,
            importer,
            prepared: None,
            loaded: Loaded::default(),
            side_rows: SideRows::default(),
            made: None,
        }
    }

    fn prepared(&self) -> Result<&Prepared, StoreError> {
        self.prepared
            .as_ref()
            .ok_or_else(|| StoreError::Unavailable("the statements are not prepared".into()))
    }
}

impl BatchWork for CentralWork {
    type Request = Request;
    type Answer = Outcome;

    async fn connected(&mut self, client: &Client) -> Result<(), StoreError> {
        self.prepared = None;
        client.batch_execute(InlineWriter::SESSION).await?;
        let (queries, inline, side_rows) = try_join!(
            Queries::prepare(client),
            InlineWriter::prepare(client),
            SideRowWriter::prepare(client),
        )?;
        self.prepared = Some(Prepared {
            queries,
            inline,
            side_rows,
        });
        Ok(())
    }

    async fn load(&mut self, client: &Client, batch: &[Request]) -> Result<(), StoreError> {
        let queries = &self.prepared()?.queries;
        let loaded = queries.load(client, batch).await?;
        if let Some(position) = loaded.registry_head.filter(|at| !self.registry.stands_at(*at)) {
            // The head is locked: nobody makes it newer before the batch has decided.
            let resources = queries.registry(client).await?;
            self.registry = self.registry.read(position, resources);
            self.shown.show(&self.registry);
        }
        self.loaded = loaded;
        Ok(())
    }

    fn decide(
        &mut self,
        appending: &mut Appending<'_>,
        batch: &[Request],
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut loaded = std::mem::take(&mut self.loaded);
        let answers = std::mem::take(&mut loaded.answers);
        let overlay = Overlay::new(loaded, self.circumstances.clone(), self.registry.clone());
        let mut deciding = Deciding::new(clock::now(), overlay, answers);
        let outcomes = batch
            .iter()
            .map(|request| deciding.outcome(appending, request))
            .collect();
        let (overlay, side_rows) = deciding.finish();
        self.side_rows = side_rows;
        let of_registry = |event: &Event| matches!(event, Event::Resource(event) if Registry::KINDS.contains(&event.kind()));
        let last = appending
            .events()
            .iter()
            .rfind(|recorded| of_registry(&recorded.event));
        self.made = last.map(|recorded| {
            let mut made = overlay.into_registry();
            made.moved_to(recorded.position);
            made
        });
        Ok(outcomes)
    }

    async fn write(&mut self, appending: &Appending<'_>) -> Result<(), StoreError> {
        let (client, events) = (appending.client(), appending.events());
        let prepared = self.prepared()?;
        let delta = InlineDelta::of(events);
        let (inline, side_rows) = join!(
            prepared.inline.write(client, &delta),
            prepared.side_rows.write(client, &self.side_rows),
        );
        inline.map_err(|error| match error {
            WriteError::Sql(error) => error.into(),
            inconsistent @ WriteError::Inconsistent { .. } => StoreError::Corrupt {
                position: events.first().map_or(0, |first| first.position),
                problem: inconsistent.to_string(),
            },
        })?;
        Ok(side_rows?)
    }

    fn committed(&mut self, _: Position) {
        if let Some(made) = self.made.take() {
            self.registry = made;
            self.shown.show(&self.registry);
        }
        if std::mem::take(&mut self.side_rows).has_imports() {
            self.importer.notify_one();
        }
    }

    fn rolled_back(&mut self) {
        self.loaded = Loaded::default();
        self.side_rows = SideRows::default();
        self.made = None;
    }

    fn size(request: &Request) -> usize {
        request.command.size()
    }
}
