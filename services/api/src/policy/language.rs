//! The language of oslo.policy: what a rule's text means.
//!
//! ```text
//! role:admin or (role:member and project_id:%(project_id)s)     checks, and, or, not, parentheses
//! 'PRIMARY':%(zone_type)s   True:%(all_tenants)s                a literal against the target
//! rule:admin_or_owner   @   !                                   another rule, always, never
//! ```
//! An empty rule allows. `not` binds closest, then `and`, then `or`. A rule is kept as a row of steps in postfix order,
//! so neither reading nor evaluating one goes deeper with its nesting.

use super::target::{Credentials, Target};

/// The longest row of steps of one rule: more is no rule that a person wrote.
const MOST_STEPS: usize = 100_000;

/// A rule, ready to be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expression {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Check(Check),
    Not,
    And,
    Or,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// `@` and `!`.
    Constant(bool),
    /// `role:x`: one of the caller's roles, in any case.
    Role(Template),
    /// `rule:x`.
    Rule(String),
    /// `'x':template`, `True:template`: the template gives just this text.
    Literal { value: String, template: Template },
    /// `key:template`: the template gives what the caller's credentials have under the key.
    Credential { key: String, template: Template },
}

/// Text with places (`%(name)s`) for what the target has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(String),
}

/// What is wrong with a rule's text.
pub(super) type Complaint = String;

impl Expression {
    /// Reads the text of a rule.
    pub(super) fn parse(text: &str) -> Result<Self, Complaint> {
        let mut reading = Reading::default();
        for word in text.split_whitespace() {
            let bare = word.trim_start_matches('(');
            for _ in 0..word.len() - bare.len() {
                reading.open()?;
            }
            // A place ends in `)s`, so what closes a group stands behind the check.
            let check = bare.trim_end_matches(')');
            let closing = bare.len() - check.len();
            match check.to_ascii_lowercase().as_str() {
                "" => {}
                "and" => reading.operator(Operator::And)?,
                "or" => reading.operator(Operator::Or)?,
                "not" => reading.not()?,
                _ => reading.check(Check::parse(check)?)?,
            }
            for _ in 0..closing {
                reading.close()?;
            }
        }
        reading.finish()
    }

    /// The list form of old policy files: one of the inner lists must hold as a whole.
    pub(super) fn any_of_all(lists: &[Vec<String>]) -> Result<Self, Complaint> {
        let mut steps = Vec::new();
        let alternatives = lists.iter().filter(|list| !list.is_empty());
        for (before, list) in alternatives.enumerate() {
            for (index, check) in list.iter().enumerate() {
                steps.push(Step::Check(Check::parse(check.trim())?));
                if index > 0 {
                    steps.push(Step::And);
                }
            }
            if before > 0 {
                steps.push(Step::Or);
            }
        }
        if steps.len() > MOST_STEPS {
            return Err(too_long());
        }
        // No list at all allows; lists without a check in any of them allow nobody.
        match (lists.is_empty(), steps.is_empty()) {
            (true, _) => Ok(Self::constant(true)),
            (false, true) => Ok(Self::constant(false)),
            (false, false) => Ok(Self { steps }),
        }
    }

    fn constant(value: bool) -> Self {
        Self {
            steps: vec![Step::Check(Check::Constant(value))],
        }
    }

    /// The checks, in the order of the text.
    pub(super) fn checks(&self) -> impl Iterator<Item = &Check> {
        self.steps.iter().filter_map(|step| match step {
            Step::Check(check) => Some(check),
            _ => None,
        })
    }

    /// Whether the rule allows. `rule` says what another rule decided. `None`: that depends on what the target lacks,
    /// which happens with [`Lacking::Unknown`] only.
    pub(super) fn decide(
        &self,
        credentials: &Credentials<'_>,
        target: &Target<'_>,
        lacking: Lacking,
        rule: &dyn Fn(&str) -> Option<bool>,
    ) -> Option<bool> {
        let mut values = Vec::with_capacity(8);
        for step in &self.steps {
            let value = match step {
                Step::Check(check) => check.holds(credentials, target, lacking, rule),
                Step::Not => pop(&mut values).map(|value| !value),
                Step::And => match (pop(&mut values), pop(&mut values)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                },
                Step::Or => match (pop(&mut values), pop(&mut values)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                },
            };
            values.push(value);
        }
        pop(&mut values)
    }
}

/// What it means that a target lacks a value which a check names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lacking {
    /// There is none: the check fails.
    Absent,
    /// It was not read: the check may hold or fail.
    Unknown,
}

/// The steps were checked when they were made: there is always a value. Were there none, nothing would be allowed.
fn pop(values: &mut Vec<Option<bool>>) -> Option<bool> {
    values.pop().unwrap_or(Some(false))
}

fn too_long() -> Complaint {
    format!("the rule has more than {MOST_STEPS} checks and operators")
}

/// Dijkstra's shunting yard: operators wait until what binds closer is done.
#[derive(Default)]
struct Reading {
    steps: Vec<Step>,
    waiting: Vec<Operator>,
    /// Whether the last thing read was a value, so that an operator must follow.
    has_value: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Operator {
    Open,
    Or,
    And,
    Not,
}

impl Operator {
    fn word(self) -> &'static str {
        match self {
            Self::Open => "(",
            Self::Or => "or",
            Self::And => "and",
            Self::Not => "not",
        }
    }
}

impl Reading {
    fn wants_value(&self, word: &str) -> Result<(), Complaint> {
        if self.has_value {
            return Err(format!("`and` or `or` is missing before `{word}`"));
        }
        if self.steps.len() + self.waiting.len() > MOST_STEPS {
            return Err(too_long());
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), Complaint> {
        self.wants_value("(")?;
        self.waiting.push(Operator::Open);
        Ok(())
    }

    fn not(&mut self) -> Result<(), Complaint> {
        self.wants_value("not")?;
        self.waiting.push(Operator::Not);
        Ok(())
    }

    fn check(&mut self, check: Check) -> Result<(), Complaint> {
        self.wants_value("a check")?;
        self.steps.push(Step::Check(check));
        self.has_value = true;
        Ok(())
    }

    fn operator(&mut self, operator: Operator) -> Result<(), Complaint> {
        if !self.has_value {
            return Err(format!("there is nothing before `{}`", operator.word()));
        }
        while let Some(earlier) = self.waiting.pop_if(|earlier| *earlier >= operator) {
            self.apply(earlier);
        }
        self.waiting.push(operator);
        self.has_value = false;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Complaint> {
        if !self.has_value {
            return Err("there is nothing before `)`".to_owned());
        }
        while let Some(operator) = self.waiting.pop() {
            if operator == Operator::Open {
                return Ok(());
            }
            self.apply(operator);
        }
        Err("a `)` closes nothing".to_owned())
    }

    fn finish(mut self) -> Result<Expression, Complaint> {
        if self.steps.is_empty() && self.waiting.is_empty() {
            return Ok(Expression::constant(true));
        }
        if !self.has_value {
            return Err("something is missing at the end".to_owned());
        }
        while let Some(operator) = self.waiting.pop() {
            if operator == Operator::Open {
                return Err("a `(` is not closed".to_owned());
            }
            self.apply(operator);
        }
        Ok(Expression { steps: self.steps })
    }

    fn apply(&mut self, operator: Operator) {
        match operator {
            Operator::Not => self.steps.push(Step::Not),
            Operator::And => self.steps.push(Step::And),
            Operator::Or => self.steps.push(Step::Or),
            Operator::Open => {}
        }
    }
}

impl Check {
    fn parse(text: &str) -> Result<Self, Complaint> {
        match text {
            "@" => return Ok(Self::Constant(true)),
            "!" => return Ok(Self::Constant(false)),
            _ => {}
        }
        let (kind, rest) = split(text).ok_or_else(|| {
            format!("`{text}` is no check: one has the form `role:member` or `project_id:%(project_id)s`")
        })?;
        match kind {
            "" => Err(format!("`{text}` has nothing before its colon")),
            "rule" if rest.is_empty() => Err("`rule:` names no rule".to_owned()),
            "rule" => Ok(Self::Rule(rest.to_owned())),
            "role" if rest.is_empty() => Err("`role:` names no role".to_owned()),
            "role" => Ok(Self::Role(Template::parse(rest)?)),
            "http" | "https" => Err(format!(
                "`{kind}:` checks ask another server for each request, which Zonelog does not do"
            )),
            "field" => Err("`field:` checks are Neutron's; Zonelog has none".to_owned()),
            _ => {
                let template = Template::parse(rest)?;
                Ok(match literal(kind)? {
                    Some(value) => Self::Literal { value, template },
                    None => Self::Credential {
                        key: kind.to_owned(),
                        template,
                    },
                })
            }
        }
    }

    fn holds(
        &self,
        credentials: &Credentials<'_>,
        target: &Target<'_>,
        lacking: Lacking,
        rule: &dyn Fn(&str) -> Option<bool>,
    ) -> Option<bool> {
        let template = match self {
            Self::Constant(value) => return Some(*value),
            Self::Rule(name) => return rule(name),
            Self::Role(template) | Self::Literal { template, .. } | Self::Credential { template, .. } => {
                template
            }
        };
        match (template.fill(target), lacking) {
            (Some(text), _) => Some(match self {
                Self::Constant(_) | Self::Rule(_) => false,
                Self::Role(_) => credentials.has_role(&text),
                Self::Literal { value, .. } => text == *value,
                Self::Credential { key, .. } => credentials.has(key, &text),
            }),
            (None, Lacking::Absent) => Some(false),
            (None, Lacking::Unknown) => None,
        }
    }
}

/// Splits a check at its colon; a quoted literal may hold colons of its own.
fn split(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'));
    match quote.and_then(|quote| text[1..].find(quote)) {
        Some(end) => {
            let (literal, rest) = text.split_at(end + 2);
            Some((literal, rest.strip_prefix(':')?))
        }
        None => text.split_once(':'),
    }
}

/// The text that a Python literal prints; `None` for a name.
fn literal(kind: &str) -> Result<Option<String>, Complaint> {
    if matches!(kind, "True" | "False" | "None") || kind.parse::<i64>().is_ok() {
        return Ok(Some(kind.to_owned()));
    }
    let Some(quote) = kind.chars().next().filter(|first| matches!(first, '\'' | '"')) else {
        return Ok(None);
    };
    match kind[1..].strip_suffix(quote) {
        Some(inner) if !inner.contains('\\') => Ok(Some(inner.to_owned())),
        Some(_) => Err(format!("`{kind}` holds a backslash, which is not supported")),
        None => Err(format!("`{kind}` lacks its closing quote")),
    }
}

impl Template {
    /// Reads text with places as Python's `%` does: `%(name)s`, and `%%` for a percent sign.
    fn parse(text: &str) -> Result<Self, Complaint> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            plain.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(after) = after.strip_prefix('%') {
                plain.push('%');
                rest = after;
                continue;
            }
            let place = after
                .strip_prefix('(')
                .and_then(|after| after.split_once(")s"))
                .filter(|(name, _)| !name.is_empty() && !name.contains(['(', ')']));
            let Some((name, after)) = place else {
                return Err(format!(
                    "in `{text}` a `%` does not begin a place like `%(project_id)s`"
                ));
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Place(name.to_owned()));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// The text with the target's values; `None` when the target lacks one of them.
    fn fill(&self, target: &Target<'_>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Place(name) => text.push_str(&target.value(name)?),
            }
        }
        Some(text)
    }

    /// The names of its places.
    pub(super) fn places(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Place(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }
}
