//! A primary of the tests' own, that does as it is told: it lies, is slow, breaks off.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use zonelog_dns::{Name, Rdata, Rrtype, Serial, Soa, rname_from_email};

/// How a transfer is answered.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// As it should be, after a pause.
    Wait(Duration),
    /// By these records, cut into messages of so many; then the connection ends.
    Records(Vec<Item>, usize),
    /// By these octets, length included; then the connection stays open and silent.
    Octets(Vec<u8>),
    /// By a message again and again, until the other side ends it.
    Forever(Item),
    /// By this response code.
    Rcode(u8),
}

/// A record.
pub(crate) type Item = (Name, u32, Rdata);

pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    zone: Name,
    serial: AtomicU32,
    expire: AtomicU32,
    asked: AtomicUsize,
    transfers: AtomicUsize,
    silent: AtomicUsize,
    steps: Mutex<Vec<Step>>,
}

impl Scripted {
    /// Starts one that has a zone at a serial: its SOA, and one A record whose address is the serial.
    pub(crate) async fn start(zone: &str, serial: u32) -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let shared = Arc::new(Shared {
            zone: Name::parse(zone).unwrap(),
            serial: AtomicU32::new(serial),
            expire: AtomicU32::new(86_400),
            asked: AtomicUsize::new(0),
            transfers: AtomicUsize::new(0),
            silent: AtomicUsize::new(0),
            steps: Mutex::new(Vec::new()),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&shared).serve_udp(udp));
        tasks.spawn(Arc::clone(&shared).serve_tcp(tcp));
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    pub(crate) fn set_serial(&self, serial: u32) {
        self.shared.serial.store(serial, Ordering::SeqCst);
    }

    /// Sets the expiry in the SOA.
    pub(crate) fn set_expire(&self, seconds: u32) {
        self.shared.expire.store(seconds, Ordering::SeqCst);
    }

    /// Answers nothing any more, or again.
    pub(crate) fn set_silent(&self, silent: bool) {
        self.shared.silent.store(usize::from(silent), Ordering::SeqCst);
    }

    /// How the next transfer is answered; those after it as it should be, or as was said after this.
    pub(crate) fn next_transfer(&self, step: Step) {
        self.shared.steps.lock().unwrap().insert(0, step);
    }

    /// Answers the next transfers as it should be.
    pub(crate) fn forget_steps(&self) {
        self.shared.steps.lock().unwrap().clear();
    }

    /// How many questions came.
    pub(crate) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// How many requests for transfers came.
    pub(crate) fn transfers(&self) -> usize {
        self.shared.transfers.load(Ordering::SeqCst)
    }

    /// The SOA with a serial.
    pub(crate) fn soa(&self, serial: u32) -> Item {
        self.shared.soa(serial)
    }
}

/// An A record in the zone.
pub(crate) fn a(owner: &str, last: u8) -> Item {
    let rdata = Rdata::from_wire(Rrtype::A, &[192, 0, 2, last]).unwrap();
    (Name::parse(owner).unwrap(), 60, rdata)
}

impl Shared {
    fn soa(&self, serial: u32) -> Item {
        let soa = Soa {
            mname: Name::parse("ns.elsewhere.test.").unwrap(),
            rname: rname_from_email("host@elsewhere.test").unwrap(),
            serial: Serial::new(serial),
            refresh: 3_600,
            retry: 1,
            expire: self.expire.load(Ordering::SeqCst),
            minimum: 60,
        };
        (self.zone.clone(), 300, soa.to_rdata())
    }

    fn is_silent(&self) -> bool {
        self.silent.load(Ordering::SeqCst) > 0
    }

    async fn serve_udp(self: Arc<Self>, socket: UdpSocket) {
        let mut packet = [0; 1024];
        while let Ok((length, client)) = socket.recv_from(&mut packet).await {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.is_silent() {
                continue;
            }
            let answer = self.answer(&packet[..length], 0, &[self.present()]);
            let _ = socket.send_to(&answer, client).await;
        }
    }

    fn present(&self) -> Item {
        self.soa(self.serial.load(Ordering::SeqCst))
    }

    async fn serve_tcp(self: Arc<Self>, listener: TcpListener) {
        let mut tasks = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            if !self.is_silent() {
                tasks.spawn(Arc::clone(&self).connection(stream));
            }
        }
    }

    async fn connection(self: Arc<Self>, mut stream: TcpStream) {
        let Ok(length) = stream.read_u16().await else {
            return;
        };
        let mut request = vec![0; usize::from(length)];
        if stream.read_exact(&mut request).await.is_err() {
            return;
        }
        self.transfers.fetch_add(1, Ordering::SeqCst);
        let serial = self.serial.load(Ordering::SeqCst);
        let step = self.steps.lock().unwrap().pop();
        let whole = || {
            let address = format!("www.{}", self.zone);
            vec![self.soa(serial), a(&address, serial as u8), self.soa(serial)]
        };
        let (records, size) = match step {
            None => (whole(), 1),
            Some(Step::Wait(time)) => {
                tokio::time::sleep(time).await;
                (whole(), 2)
            }
            Some(Step::Records(records, size)) => (records, size),
            Some(Step::Octets(octets)) => {
                let _ = stream.write_all(&octets).await;
                std::future::pending::<()>().await;
                return;
            }
            Some(Step::Forever(item)) => {
                let _ = self.send(&mut stream, &request, &[self.soa(serial)]).await;
                while self
                    .send(&mut stream, &request, std::slice::from_ref(&item))
                    .await
                    .is_ok()
                {}
                return;
            }
            Some(Step::Rcode(rcode)) => {
                let answer = self.answer(&request, rcode, &[]);
                let _ = write(&mut stream, &answer).await;
                return;
            }
        };
        for items in records.chunks(size.max(1)) {
            if self.send(&mut stream, &request, items).await.is_err() {
                return;
            }
        }
    }

    async fn send(&self, stream: &mut TcpStream, request: &[u8], items: &[Item]) -> std::io::Result<()> {
        write(stream, &self.answer(request, 0, items)).await
    }

    /// An answer with the request's id and question.
    fn answer(&self, request: &[u8], rcode: u8, items: &[Item]) -> Vec<u8> {
        let question = 12 + self.zone.wire().len() + 4;
        let mut answer = request[..question.min(request.len())].to_vec();
        answer[2] = 0x84;
        answer[3] = rcode;
        answer[4..12].copy_from_slice(&[0, 1, 0, items.len() as u8, 0, 0, 0, 0]);
        for (owner, ttl, rdata) in items {
            answer.extend_from_slice(owner.wire());
            answer.extend_from_slice(&rdata.rrtype().get().to_be_bytes());
            answer.extend_from_slice(&[0, 1]);
            answer.extend_from_slice(&ttl.to_be_bytes());
            answer.extend_from_slice(&(rdata.wire().len() as u16).to_be_bytes());
            answer.extend_from_slice(rdata.wire());
        }
        answer
    }
}

async fn write(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    stream.write_u16(message.len() as u16).await?;
    stream.write_all(message).await
}
