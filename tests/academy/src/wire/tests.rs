mod peers;
mod tls;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use self::peers::*;
use super::{Close, Direction, Faults, Refusal, Wire};

#[tokio::test]
async fn carries_bytes_both_ways_on_the_same_port_and_counts_them() {
    let wire = Wire::to(echo().await).await.unwrap();
    assert_ne!(wire.address(), wire.target().ip());
    assert_eq!(wire.socket_address().port(), wire.target().port());

    let mut client = connect(&wire).await;
    for _ in 0..3 {
        assert_eq!(ask(&mut client, b"bonjour").await, b"bonjour");
    }
    assert_eq!((wire.connections(), wire.running(), wire.round_trips()), (1, 1, 3));
    assert_eq!((wire.bytes(Direction::ToServer), wire.bytes(Direction::ToClient)), (21, 21));

    client.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0, "the half close reaches the server and its own comes back");
}

#[tokio::test]
async fn several_wires_stand_before_one_target() {
    let target = echo().await;
    let (first, second) = (Wire::to(target).await.unwrap(), Wire::to(target).await.unwrap());
    assert_ne!(first.address(), second.address());
    assert_eq!(ask(&mut connect(&second).await, b"x").await, b"x");
}

#[tokio::test]
async fn refuses_a_target_outside_loopback() {
    let error = Wire::to("192.0.2.1:25".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_missing_target_looks_like_a_reset() {
    let target = free_address().await;
    let wire = Wire::to(target).await.unwrap();
    let mut client = connect(&wire).await;
    assert_eq!(read_all(&mut client).await, (Vec::new(), Some(ErrorKind::ConnectionReset)));
}

#[tokio::test]
async fn delay_adds_to_each_direction_and_keeps_throughput() {
    let wire = Wire::to(echo().await).await.unwrap();
    let mut client = connect(&wire).await;
    wire.set(Faults::none().delay(Direction::ToServer, ms(60)).delay(Direction::ToClient, ms(40))).await.unwrap();
    let started = Instant::now();
    ask(&mut client, b"x").await;
    assert!(started.elapsed() >= ms(100), "{:?}", started.elapsed());

    // 512 KiB in flight at once: one round trip, not one per chunk.
    let started = Instant::now();
    ask(&mut client, &vec![7; 512 * 1024]).await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());

    wire.set(Faults::none()).await.unwrap();
    let started = Instant::now();
    ask(&mut client, b"x").await;
    assert!(started.elapsed() < ms(90), "a lifted delay holds for running connections");
}

#[tokio::test]
async fn throttle_holds_the_rate() {
    let wire = Wire::to(echo().await).await.unwrap();
    wire.set(Faults::none().throttle(Direction::ToClient, 40_000)).await.unwrap();
    let mut client = connect(&wire).await;
    let started = Instant::now();
    ask(&mut client, &[1; 20_000]).await;
    let took = started.elapsed();
    assert!((ms(400)..Duration::from_secs(3)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn cut_to_the_client_ends_after_exactly_that_many_bytes() {
    let wire = Wire::to(echo().await).await.unwrap();
    for after in [0, 1, 7] {
        wire.set(Faults::none().cut(Direction::ToClient, after, Close::Fin)).await.unwrap();
        let mut client = connect(&wire).await;
        let _ = client.write_all(b"0123456789").await;
        let (got, error) = read_all(&mut client).await;
        assert_eq!((got.as_slice(), error), (&b"0123456789"[..after as usize], None));
    }
    wire.set(Faults::none().cut(Direction::ToClient, 7, Close::Reset)).await.unwrap();
    let mut client = connect(&wire).await;
    client.write_all(b"0123456789").await.unwrap();
    assert_eq!(read_all(&mut client).await.1, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn cut_to_the_server_hands_over_exactly_that_many_bytes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = Wire::to(listener.local_addr().unwrap()).await.unwrap();
    wire.set(Faults::none().cut(Direction::ToServer, 4, Close::Reset)).await.unwrap();
    let mut client = connect(&wire).await;
    let (mut server, _) = listener.accept().await.unwrap();
    client.write_all(b"QUIT\r\n").await.unwrap();
    assert_eq!(read_all(&mut server).await.0, b"QUIT");
    assert_eq!(read_all(&mut client).await.1, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_cut_set_later_ends_a_running_connection_that_is_past_it() {
    let wire = Wire::to(echo().await).await.unwrap();
    let mut client = connect(&wire).await;
    ask(&mut client, b"0123456789").await;
    wire.set(Faults::none().cut(Direction::ToServer, 5, Close::Fin)).await.unwrap();
    assert_eq!(read_all(&mut client).await, (Vec::new(), None));
}

#[tokio::test]
async fn a_black_hole_is_silent_until_it_is_lifted() {
    let wire = Wire::to(echo().await).await.unwrap();
    let mut before = connect(&wire).await;
    ask(&mut before, b"x").await;

    wire.set(Faults::none().black_hole()).await.unwrap();
    let mut during = connect(&wire).await;
    for client in [&mut before, &mut during] {
        client.write_all(b"anyone?").await.unwrap();
        assert!(timeout(SILENCE, client.read_u8()).await.is_err(), "neither byte nor end may come");
    }

    wire.set(Faults::none()).await.unwrap();
    for client in [&mut before, &mut during] {
        let mut answer = [0; 7];
        timeout(SOON, client.read_exact(&mut answer)).await.unwrap().unwrap();
        assert_eq!(&answer, b"anyone?");
    }
}

#[tokio::test]
async fn a_hole_swallows_what_comes_after_its_edge() {
    let wire = Wire::to(echo().await).await.unwrap();
    wire.set(Faults::none().hole(Direction::ToClient, 3)).await.unwrap();
    let mut client = connect(&wire).await;
    client.write_all(b"0123456789").await.unwrap();
    let mut start = [0; 3];
    client.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"012");
    assert!(timeout(SILENCE, client.read_u8()).await.is_err());
}

#[tokio::test]
async fn refusals_close_the_port_or_reset_and_can_be_lifted() {
    let wire = Wire::to(echo().await).await.unwrap();
    wire.set(Faults::none().refuse(Refusal::Port)).await.unwrap();
    let error = TcpStream::connect(wire.socket_address()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

    wire.set(Faults::none().refuse(Refusal::Reset)).await.unwrap();
    let mut client = connect(&wire).await;
    assert_eq!(read_all(&mut client).await.1, Some(ErrorKind::ConnectionReset));

    wire.set(Faults::none()).await.unwrap();
    assert_eq!(ask(&mut connect(&wire).await, b"x").await, b"x");
}

#[tokio::test]
async fn cut_now_resets_what_runs_and_nothing_later() {
    let wire = Wire::to(echo().await).await.unwrap();
    let mut running = connect(&wire).await;
    ask(&mut running, b"x").await;
    wire.cut_now();
    assert_eq!(read_all(&mut running).await.1, Some(ErrorKind::ConnectionReset));
    assert_eq!(ask(&mut connect(&wire).await, b"x").await, b"x");
}

#[tokio::test]
async fn dropping_the_handle_closes_port_and_connections() {
    let wire = Wire::to(echo().await).await.unwrap();
    let address = wire.socket_address();
    let line = Arc::downgrade(&wire.line);
    let mut client = connect(&wire).await;
    ask(&mut client, b"x").await;
    drop(wire);
    timeout(SOON, client.read(&mut [0; 1])).await.expect("the connection ends").ok();
    // Nothing that could hold a task holds the shared state any more.
    let gone = async {
        while line.strong_count() > 0 {
            tokio::time::sleep(ms(5)).await;
        }
    };
    timeout(SOON, gone).await.expect("no task is left");
    TcpListener::bind(address).await.expect("the port is free again");
}
