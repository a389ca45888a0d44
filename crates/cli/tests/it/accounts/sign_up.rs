//! From an e-mail address to an account.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use serde_json::json;

use super::bank::{Bank, call};
use crate::serve::client::{Answer, Request};
use crate::serve::eventually;
use crate::serve::server::Server;

const SIGN_UP: [&str; 3] = ["--sign-up", "--free-credit=1", "--public-url=https://api.example/"];

fn ask(server: &Server, email: &str) -> Answer {
    server.ask(&Request::post("/v1/accounts", &json!({ "email": email })))
}

fn confirm(server: &Server, token: &str) -> Answer {
    server.ask(&Request::post("/v1/accounts/confirm", &json!({ "token": token })))
}

/// What stands behind `#` in the last link of a text.
fn token(text: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once("https://api.example/confirm#")?;
    let token = rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    (token.len() == 52).then_some(token)
}

#[test]
fn without_a_mail_server_the_link_is_in_the_log_and_makes_one_account_with_free_credit() {
    let bank = Bank::sqlite();
    let server = bank.serve(&SIGN_UP);
    let first = ask(&server, "Ann@example.com").with_status(202);
    eventually("the link is in the log", || token(&server.log()).is_some());
    let link = token(&server.log()).unwrap();
    let opened = confirm(&server, &link).with_status(200).json();
    assert_eq!((opened["created"].as_bool(), opened["balance"].as_f64()), (Some(true), Some(1.0)));
    server.ask(&call(opened["key"].as_str().unwrap(), 1)).with_status(200);
    assert_eq!(confirm(&server, &link).with_status(400).code(), "link_invalid");
    // Nobody learns who has an account, nor that an address asked too often.
    for email in [
        "ann+2@example.com",
        "ben@example.com",
        "ann@example.com",
        "ann@example.com",
        "ann@example.com",
    ] {
        assert_eq!(ask(&server, email).with_status(202).text(), first.text());
    }
    // A line is written behind its answer.
    let links = || server.log().matches("/confirm#").count();
    eventually("three links for Ann are in the log, and one for Ben", || links() == 4);
    assert_eq!(ask(&server, "nobody").with_status(400).code(), "invalid_value");
    bank.assert_clean();
    assert_eq!(links(), 4);
}

#[test]
fn where_the_operator_makes_accounts_nobody_else_does() {
    let bank = Bank::sqlite();
    let server = bank.serve(&[]);
    assert!(server.log().contains("polysight key create --role admin"), "{}", server.log());
    assert_eq!(ask(&server, "ann@example.com").with_status(403).code(), "sign_up_off");
    assert_eq!(confirm(&server, "x").with_status(403).code(), "sign_up_off");
}

/// Takes one e-mail as a mail server does, and gives its text.
fn take_mail(listener: &TcpListener) -> String {
    let (stream, _) = listener.accept().unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut say = |text: &str| writer.write_all(format!("{text}\r\n").as_bytes()).unwrap();
    say("220 mail.example");
    let mut mail = String::new();
    while let Some(Ok(line)) = lines.next() {
        match line.split(' ').next().unwrap_or_default().to_uppercase().as_str() {
            "DATA" => {
                say("354 go on");
                for line in lines.by_ref().map_while(Result::ok).take_while(|line| line != ".") {
                    // Quoted-printable breaks long lines.
                    mail.push_str(line.strip_suffix('=').unwrap_or(&format!("{line}\n")));
                }
                say("250 ok");
                return mail;
            }
            _ => say("250 ok"),
        }
    }
    mail
}

#[test]
fn with_a_mail_server_the_link_is_in_the_mail_and_nowhere_else() {
    let bank = Bank::sqlite();
    let mails = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("--smtp-url=smtp://{}", mails.local_addr().unwrap());
    let arguments =
        [&SIGN_UP[..], &[&url, "--smtp-from=polysight@api.example", "--log-level=debug"]].concat();
    let server = bank.serve(&arguments);
    ask(&server, "ann@example.com").with_status(202);
    let mail = take_mail(&mails);
    assert!(mail.contains("ann@example.com"), "{mail}");
    let link = token(&mail.replace("=3D", "=")).unwrap_or_else(|| panic!("{mail}"));
    assert!(!server.log().contains(&link), "{}", server.log());
    let opened = confirm(&server, &link).with_status(200).json();
    assert_eq!(opened["created"], true);
}
