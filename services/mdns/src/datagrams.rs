//! Many datagrams with one system call: recvmmsg and sendmmsg where the system has both, else one at a time.

use std::io::Result;
use std::net::{SocketAddr, UdpSocket};

/// How many datagrams go through one system call, where it takes several and nothing else is said.
pub const BATCH: usize = 32;
/// The longest datagram that is read whole: more than a query may be. A longer one is cut, and cannot be read then.
const DATAGRAM: usize = 4096;

/// Buffers for a batch of datagrams.
#[derive(Debug)]
pub struct Receiver {
    buffers: Vec<u8>,
    #[cfg(target_os = "linux")]
    headers: nix::sys::socket::MultiHeaders<nix::sys::socket::SockaddrStorage>,
}

#[cfg(target_os = "linux")]
impl Receiver {
    /// Empty buffers for so many.
    pub fn new(batch: usize) -> Self {
        let batch = batch.max(1);
        Self {
            buffers: vec![0; batch * DATAGRAM],
            headers: nix::sys::socket::MultiHeaders::preallocate(batch, None),
        }
    }

    /// Waits for a datagram as long as the socket's timeout says, and shows it and those that came with it.
    pub fn receive(&mut self, socket: &UdpSocket, mut show: impl FnMut(&[u8], SocketAddr)) -> Result<()> {
        use std::io::IoSliceMut;
        use std::os::fd::AsRawFd;

        use nix::sys::socket::{MsgFlags, recvmmsg};

        let mut slices: Vec<[IoSliceMut<'_>; 1]> = self
            .buffers
            .chunks_mut(DATAGRAM)
            .map(|buffer| [IoSliceMut::new(buffer)])
            .collect();
        let received = recvmmsg(
            socket.as_raw_fd(),
            &mut self.headers,
            slices.iter_mut(),
            // Wait for the first, then take what is there.
            MsgFlags::MSG_WAITFORONE,
            None,
        )?;
        for datagram in received {
            let client = datagram.address.as_ref().and_then(client);
            // An empty datagram has no slice.
            if let (Some(client), Some(packet)) = (client, datagram.iovs().next()) {
                show(packet, client);
            }
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn client(address: &nix::sys::socket::SockaddrStorage) -> Option<SocketAddr> {
    if let Some(address) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4((*address).into()));
    }
    address
        .as_sockaddr_in6()
        .map(|address| SocketAddr::V6((*address).into()))
}

/// Sends datagrams. One that the system does not take is lost, as datagrams may be.
#[cfg(target_os = "linux")]
pub fn send_all(socket: &UdpSocket, datagrams: &[(impl AsRef<[u8]>, SocketAddr)]) {
    use std::io::IoSlice;

    use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

    if let [(message, client)] = datagrams {
        lost(socket.send_to(message.as_ref(), client), *client);
        return;
    }
    let addresses: Vec<SocketAddrAny> = datagrams.iter().map(|(_, client)| (*client).into()).collect();
    let slices: Vec<[IoSlice<'_>; 1]> = datagrams
        .iter()
        .map(|(message, _)| [IoSlice::new(message.as_ref())])
        .collect();
    let mut nothing: Vec<SendAncillaryBuffer<'_, '_, '_>> =
        datagrams.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let mut headers: Vec<MMsgHdr<'_>> = addresses
        .iter()
        .zip(&slices)
        .zip(&mut nothing)
        .map(|((address, slice), nothing)| MMsgHdr::new_with_addr(address, slice, nothing))
        .collect();
    let mut sent = 0;
    while sent < headers.len() {
        match sendmmsg(socket, &mut headers[sent..], SendFlags::empty()) {
            Ok(count) => sent += count.max(1),
            // The error is the first one's.
            Err(error) => {
                lost(Err(error.into()), datagrams[sent].1);
                sent += 1;
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Receiver {
    /// An empty buffer, for one at a time.
    pub fn new(_batch: usize) -> Self {
        Self {
            buffers: vec![0; DATAGRAM],
        }
    }

    /// Waits for a datagram as long as the socket's timeout says, and shows it.
    pub fn receive(&mut self, socket: &UdpSocket, mut show: impl FnMut(&[u8], SocketAddr)) -> Result<()> {
        let (length, client) = socket.recv_from(&mut self.buffers)?;
        show(&self.buffers[..length], client);
        Ok(())
    }
}

/// Sends datagrams. One that the system does not take is lost, as datagrams may be.
#[cfg(not(target_os = "linux"))]
pub fn send_all(socket: &UdpSocket, datagrams: &[(impl AsRef<[u8]>, SocketAddr)]) {
    for (message, client) in datagrams {
        lost(socket.send_to(message.as_ref(), client), *client);
    }
}

fn lost(sent: Result<usize>, client: SocketAddr) {
    if let Err(error) = sent {
        tracing::debug!(%client, %error, "cannot send an answer");
    }
}
