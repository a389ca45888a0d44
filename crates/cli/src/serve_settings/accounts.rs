//! Whose money calls cost, and how people get an account.

use std::fmt;

use ledger::MicroDollars;

use super::access::Authentication;
use super::finder::Finder;
use super::units::{Switch, read_switch};
use crate::accounts::Place;
use crate::arguments::serve::AccountsArguments;
use crate::exit::UsageError;
use crate::given::{Given, read_or};
use crate::keys;

/// Where accounts are, and how people get one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountsSettings {
    pub(crate) place: Place,
    pub(crate) sign_up: Option<SignUp>,
    pub(crate) smtp: Option<Smtp>,
}

/// How people make an account by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignUp {
    pub(crate) free_credit: MicroDollars,
    pub(crate) public_url: String,
}

/// The server that sends e-mail.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Smtp {
    pub(crate) url: String,
    pub(crate) from: String,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Smtp(from {})", self.from)
    }
}

impl<'a> Finder<'a> {
    /// Accounts, where they are switched on or a database is named.
    pub(super) fn accounts(
        &self,
        arguments: &'a AccountsArguments,
    ) -> Result<Option<Authentication>, UsageError> {
        let switch = self.given(&keys::ACCOUNTS, arguments.accounts.as_ref());
        let database = self.given(&keys::DATABASE, arguments.database.database.as_ref());
        let default = if database.is_some() { Switch::On } else { Switch::Off };
        if read_or(default, switch, read_switch)? == Switch::Off {
            return Ok(None);
        }
        let settings = AccountsSettings {
            place: Place::find(&arguments.database, self.environment)?,
            sign_up: self.sign_up(arguments)?,
            smtp: self.smtp(arguments)?,
        };
        Ok(Some(Authentication::Accounts(Box::new(settings))))
    }

    fn sign_up(&self, arguments: &'a AccountsArguments) -> Result<Option<SignUp>, UsageError> {
        let switch = self.given(&keys::SIGN_UP, arguments.sign_up.as_ref());
        if read_or(Switch::Off, switch, read_switch)? == Switch::Off {
            return Ok(None);
        }
        let url = self.given(&keys::PUBLIC_URL, arguments.public_url.as_ref());
        let Some(url) = url else {
            let place = switch.map_or(keys::SIGN_UP.flag, |switch| switch.place);
            return Err(UsageError::new(format!(
                "{place}: links need an address; name it with --public-url"
            )));
        };
        let free = self.given(&keys::FREE_CREDIT, arguments.free_credit.as_ref());
        Ok(Some(SignUp {
            free_credit: read_or(MicroDollars::ZERO, free, read_credit)?,
            public_url: url.read(read_url)?,
        }))
    }

    fn smtp(&self, arguments: &'a AccountsArguments) -> Result<Option<Smtp>, UsageError> {
        let url = self.secret(&keys::SMTP_URL, arguments.smtp_url.as_ref());
        let Some(url) = url else { return Ok(None) };
        let from = self.given(&keys::SMTP_FROM, arguments.smtp_from.as_ref());
        let Some(from) = from else {
            return Err(url.wrong("e-mail needs a sender; name it with --smtp-from"));
        };
        let text = |given: &Given<'_>| given.read(|text| Ok::<_, String>(text.to_owned()));
        Ok(Some(Smtp { url: text(&url)?, from: text(&from)? }))
    }
}

fn read_credit(text: &str) -> Result<MicroDollars, String> {
    match text.parse::<MicroDollars>() {
        Ok(credit) if credit >= MicroDollars::ZERO => Ok(credit),
        Ok(_) => Err("free credit must not be negative".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn read_url(text: &str) -> Result<String, String> {
    let is_url = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    if is_url {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no address like https://api.example"))
    }
}
