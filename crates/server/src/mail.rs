//! E-mail with a link in it; without a mail server the link goes to the log, for an operator who tries things out.

use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use store::StoreError;

use crate::settings::Smtp;

/// Where links go.
pub(crate) enum Mailer {
    /// To the log.
    Log,
    /// To the address.
    Smtp {
        /// The connections to the mail server.
        transport: Box<AsyncSmtpTransport<Tokio1Executor>>,
        /// The sender.
        from: Mailbox,
    },
}

impl Mailer {
    /// # Errors
    /// When the URL or the sender's address cannot be read; the message shows no password.
    pub(crate) fn new(smtp: Option<Smtp>) -> Result<Self, StoreError> {
        let Some(smtp) = smtp else { return Ok(Self::Log) };
        let wrong = |what: &str| StoreError::Invalid(what.to_owned());
        let transport =
            AsyncSmtpTransport::<Tokio1Executor>::from_url(&smtp.url).map_err(|_| {
                wrong("the URL of the mail server cannot be read; write smtps://USER:PASSWORD@HOST")
            })?;
        let from = smtp.from.parse();
        let from = from.map_err(|_| wrong("the sender of e-mail is no address"))?;
        Ok(Self::Smtp { transport: Box::new(transport.build()), from })
    }

    /// Sends a link. Failures go to the log: whoever asked is not to learn whether the address exists.
    pub(crate) async fn send(&self, email: &str, link: &str) {
        match self {
            Self::Log => tracing::warn!(email, link, "no mail server: this link was to be sent"),
            Self::Smtp { transport, from } => {
                let sent = async {
                    let message = Message::builder()
                        .from(from.clone())
                        .to(email.parse()?)
                        .subject("Your link to polysight")
                        .body(format!(
                            "Open this link within an hour to get your account and its key:\n\n{link}\n\n\
                             If you did not ask for it, do nothing.\n"
                        ))?;
                    transport.send(message).await?;
                    Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
                };
                if let Err(error) = sent.await {
                    tracing::error!(%error, "an e-mail could not be sent");
                }
            }
        }
    }
}
