//! Servers whose answers are too large, too slow, broken or something else than a picture.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use server::fetch::{FetchError, FetchErrorKind, FetchPolicy, Fetcher};

use super::{HOST, URL, answered, fetch_with, hurried, kind, one_host};
use crate::web::{FIRST, Reply, Site, Web, picture};

fn at_most(most_bytes: u64) -> FetchPolicy {
    FetchPolicy { most_bytes, ..FetchPolicy::default() }
}

#[tokio::test]
async fn a_picture_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let length = picture().len() as u64;
    let announced = Reply::with("200 OK", "", &picture());
    let unannounced = Reply::raw("HTTP/1.1 200 OK\r\n\r\n", &picture());
    for reply in [announced, unannounced] {
        let web = one_host(vec![reply]).await;
        assert_eq!(fetch_with(&web, at_most(length), URL).await.unwrap(), picture());
        let result = fetch_with(&web, at_most(length - 1), URL).await;
        assert_eq!(kind(&result), FetchErrorKind::TooLarge);
        let message = result.unwrap_err().to_string();
        assert!(message.contains(HOST) && message.contains(&(length - 1).to_string()), "{message}");
    }
}

#[tokio::test]
async fn an_announced_length_over_the_limit_is_refused_before_any_byte_comes() {
    // Nothing follows the head, so waiting for a byte would end in a time-out.
    for length in ["20971521", "9223372036854775807"] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        let result = answered(Reply::Hold(head.into_bytes())).await;
        assert_eq!(kind(&result), FetchErrorKind::TooLarge, "{length}");
    }
}

#[tokio::test]
async fn an_endless_picture_ends_at_the_limit() {
    for (fields, again) in [
        ("", vec![7; 4096]),
        ("transfer-encoding: chunked\r\n", [b"1000\r\n".as_slice(), &[7; 4096], b"\r\n"].concat()),
    ] {
        let mut start = format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes();
        let begin = picture();
        if !fields.is_empty() {
            start.extend_from_slice(format!("{:x}\r\n", begin.len()).as_bytes());
        }
        start.extend_from_slice(&begin);
        if !fields.is_empty() {
            start.extend_from_slice(b"\r\n");
        }
        let web = one_host(vec![Reply::Endless { start, again, pause: Duration::ZERO }]).await;
        let result = fetch_with(&web, at_most(100_000), URL).await;
        assert_eq!(kind(&result), FetchErrorKind::TooLarge, "{fields}");
    }
}

#[tokio::test]
async fn a_length_that_is_no_length_is_a_broken_answer() {
    for fields in ["content-length: -1\r\n", "content-length: 5\r\ncontent-length: 6\r\n"] {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        assert_eq!(kind(&answered(Reply::raw(&head, &picture())).await), FetchErrorKind::Failed);
    }
}

#[tokio::test]
async fn dripping_bytes_do_not_extend_the_deadline() {
    let pause = Duration::from_millis(20);
    let body =
        [b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".as_slice(), &picture()].concat();
    let head = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    for start in [body, head] {
        let web = one_host(vec![Reply::Endless { start, again: vec![b'x'], pause }]).await;
        assert_eq!(kind(&fetch_with(&web, hurried(), URL).await), FetchErrorKind::TimedOut);
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n".as_slice();
    for sent in [Vec::new(), head.to_vec(), [head, &picture()].concat()] {
        let web = one_host(vec![Reply::Hold(sent)]).await;
        let result = fetch_with(&web, hurried(), URL).await;
        assert_eq!(kind(&result), FetchErrorKind::TimedOut);
        let message = result.unwrap_err().to_string();
        assert_eq!(message, "fetching from images.example took longer than 0.5 seconds, the limit");
    }
}

#[tokio::test]
async fn redirects_share_one_deadline() {
    // Each alone is in time, six are not.
    let head = b"HTTP/1.1 302 Found\r\nlocation: /on\r\ncontent-length: 0\r\n\r\n".to_vec();
    let web = one_host(vec![Reply::Late { pause: Duration::from_millis(200), bytes: head }]).await;
    assert_eq!(kind(&fetch_with(&web, hurried(), URL).await), FetchErrorKind::TimedOut);
}

#[tokio::test]
async fn a_lookup_without_an_answer_ends_at_the_deadline() {
    let web = Arc::new(Web::default().changing_name(HOST, &[]));
    assert_eq!(kind(&fetch_with(&web, hurried(), URL).await), FetchErrorKind::TimedOut);
}

#[tokio::test]
async fn a_secure_connection_that_is_never_agreed_on_ends_at_the_connect_deadline() {
    // The site waits for a request in plain text.
    let site = Site::serving(vec![Reply::Hold(Vec::new())]).await;
    let web = Arc::new(Web::default().name(HOST, &[FIRST]).site(FIRST, 443, &site));
    let policy =
        FetchPolicy { connect_deadline: Duration::from_millis(200), ..FetchPolicy::default() };
    let error = fetch_with(&web, policy, "https://images.example/").await.unwrap_err();
    assert!(error.to_string().starts_with("connecting to images.example took"), "{error}");
}

#[tokio::test]
async fn a_host_that_never_connects_ends_at_the_connect_deadline() {
    let web = Arc::new(Web::default().name(HOST, &[FIRST]).silent(FIRST, 80));
    let policy =
        FetchPolicy { connect_deadline: Duration::from_millis(50), ..FetchPolicy::default() };
    let error = fetch_with(&web, policy, URL).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::TimedOut);
    assert!(error.to_string().starts_with("connecting to images.example took"), "{error}");
}

#[tokio::test]
async fn what_calls_itself_a_picture_and_is_none_is_refused_early() {
    // The connection stays open: only looking at the first bytes ends the fetch in time.
    let page = format!("<!DOCTYPE html><html><body>{}", "x".repeat(200));
    let head = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 900000\r\n\r\n";
    let result = answered(Reply::Hold([head.as_bytes(), page.as_bytes()].concat())).await;
    assert_eq!(kind(&result), FetchErrorKind::NotAnImage);
    assert!(result.unwrap_err().to_string().starts_with("from images.example: not an image"));
}

#[tokio::test]
async fn a_picture_that_calls_itself_something_else_is_taken() {
    for fields in ["content-type: text/html\r\n", "content-type: \r\n", ""] {
        assert!(answered(Reply::with("200 OK", fields, &picture())).await.is_ok(), "{fields}");
    }
}

#[tokio::test]
async fn the_start_of_every_format_that_is_read_passes() {
    let starts: [&[u8]; 7] = [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"RIFF\x10\x20\0\0WEBPVP8 ",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
        b"BM\x10\x20\0\0\0\0\0\0\x36\0\0\0",
    ];
    for start in starts {
        for rest in [0, 10, 500] {
            let body = [start, &vec![1; rest]].concat();
            let result = answered(Reply::with("200 OK", "", &body)).await;
            assert_eq!(result.unwrap(), body, "{start:?} and {rest} bytes");
        }
    }
}

#[tokio::test]
async fn what_is_no_picture_or_none_that_is_read_is_refused() {
    let bodies: [&[u8]; 7] = [
        b"",
        b"x",
        b"root:x:0:0:root:/root:/bin/bash\n",
        b"{\"AccessKeyId\": \"AKIA\"}",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\0\0\0\x1cftypavif\0\0\0\0avifmif1",
        b"%PDF-1.7",
    ];
    for body in bodies {
        let result = answered(Reply::with("200 OK", "content-type: image/png\r\n", body)).await;
        assert_eq!(kind(&result), FetchErrorKind::NotAnImage, "{body:?}");
        // A message must not become a way to read what was found.
        let message = result.unwrap_err().to_string();
        assert!(!message.contains("root:") && !message.contains("AKIA"), "{message}");
    }
}

#[tokio::test]
async fn a_compressed_answer_is_refused_unopened() {
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, gzip", "identity, gzip", "x-unknown"] {
        let fields = format!("content-encoding: {encoding}\r\n");
        let result = answered(Reply::with("200 OK", &fields, &picture())).await;
        assert!(matches!(result, Err(FetchError::Encoded { .. })), "{encoding}");
    }
    let fields = "content-encoding: identity\r\ncontent-encoding: gzip\r\n";
    let result = answered(Reply::with("200 OK", fields, &picture())).await;
    assert_eq!(kind(&result), FetchErrorKind::Failed);
    let fields = "content-encoding: Identity\r\n";
    assert!(answered(Reply::with("200 OK", fields, &picture())).await.is_ok());
}

#[tokio::test]
async fn a_gzip_bomb_without_a_label_stays_what_it_is() {
    // Nothing opens it, so its first bytes are those of no picture.
    let body = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice(), &[0; 500]].concat();
    assert_eq!(kind(&answered(Reply::with("200 OK", "", &body)).await), FetchErrorKind::NotAnImage);
}

#[tokio::test]
async fn an_endless_head_ends_at_its_limit() {
    let one_field = Reply::Endless {
        start: b"HTTP/1.1 200 OK\r\nx: ".to_vec(),
        again: vec![b'x'; 4096],
        pause: Duration::ZERO,
    };
    let many_fields = Reply::Endless {
        start: b"HTTP/1.1 200 OK\r\n".to_vec(),
        again: b"x: y\r\n".repeat(50),
        pause: Duration::ZERO,
    };
    let status_line = Reply::Endless {
        start: b"HTTP/1.1 200 ".to_vec(),
        again: vec![b'x'; 4096],
        pause: Duration::ZERO,
    };
    for reply in [one_field, many_fields, status_line] {
        assert_eq!(kind(&answered(reply).await), FetchErrorKind::Failed);
    }
}

#[tokio::test]
async fn endless_interim_answers_end_at_the_deadline() {
    let reply = Reply::Endless {
        start: Vec::new(),
        again: b"HTTP/1.1 102 Processing\r\n\r\n".to_vec(),
        pause: Duration::from_millis(5),
    };
    let web = one_host(vec![reply]).await;
    assert_eq!(kind(&fetch_with(&web, hurried(), URL).await), FetchErrorKind::TimedOut);
}

#[tokio::test]
async fn endless_trailers_and_chunk_extensions_end_at_their_limit() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".as_slice();
    let begin =
        [head, format!("{:x}\r\n", picture().len()).as_bytes(), &picture(), b"\r\n"].concat();
    let trailers = [&begin, b"0\r\nx: ".as_slice()].concat();
    let extension = [&begin, b"5;x=".as_slice()].concat();
    for start in [trailers, extension] {
        let reply = Reply::Endless { start, again: vec![b'x'; 4096], pause: Duration::ZERO };
        assert_eq!(kind(&answered(reply).await), FetchErrorKind::Failed);
    }
}

#[tokio::test]
async fn an_answer_that_ends_early_is_broken() {
    let short = picture();
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for reply in [
        Reply::raw("", b""),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-le", b""),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n", &short),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n", b"\x89PNG"),
        Reply::raw(chunked, &[b"fff\r\n".as_slice(), &short].concat()),
        // A whole chunk, and no last one.
        Reply::raw(
            chunked,
            &[format!("{:x}\r\n", short.len()).as_bytes(), &short, b"\r\n"].concat(),
        ),
        Reply::raw(chunked, b"zz\r\n"),
    ] {
        let result = answered(reply).await;
        assert!(matches!(result, Err(FetchError::Broken { .. })), "{result:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_broken() {
    for bytes in ["SSH-2.0-OpenSSH_9.6\r\n", "-ERR wrong\r\n", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        let result = answered(Reply::raw(bytes, b"")).await;
        assert!(matches!(result, Err(FetchError::Broken { .. })), "{result:?}");
        // What another service said must not come back in a message.
        let message = result.unwrap_err().to_string();
        assert!(!message.contains("OpenSSH") && !message.contains("wrong"), "{message}");
    }
}

#[tokio::test]
async fn a_dropped_fetch_closes_its_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let addresses = server::fetch::Addresses::Any;
    let fetcher = Fetcher::new(FetchPolicy { addresses, ..FetchPolicy::default() });
    let fetching = tokio::spawn(async move { fetcher.fetch(&url).await });
    let (stream, _) = listener.accept().await.unwrap();
    fetching.abort();
    // Reads whatever was sent, and then the end.
    let ended = tokio::time::timeout(Duration::from_secs(30), async {
        let mut buffer = [0; 1024];
        loop {
            stream.readable().await.unwrap();
            match stream.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    });
    assert!(ended.await.is_ok());
}
