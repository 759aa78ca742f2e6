//! All rules together: the defaults with what a policy file says over them, checked as a whole.

use std::collections::{HashMap, HashSet};

use super::defaults::{BASE_RULES, LEGACY_RULES, RULES};
use super::language::{Check, Expression, Lacking, Template};
use super::target::{Credentials, Target};

/// A rule that a policy file gives.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) name: String,
    pub(super) expression: Expression,
    /// The line of its name, from 1.
    pub(super) line: u64,
}

/// Something about a rule of a policy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remark {
    /// The line of the rule's name, from 1; `None` for a default.
    pub(super) line: Option<u64>,
    pub(super) rule: String,
    pub(super) what: String,
}

/// Who may do what.
#[derive(Debug)]
pub(crate) struct Policy {
    rules: Vec<Rule>,
    /// Where a rule is in `rules`.
    places: HashMap<String, usize>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    expression: Expression,
    line: Option<u64>,
    /// The rules that it refers to, and those that they refer to, before the ones that need them; itself last.
    plan: Vec<usize>,
}

impl Policy {
    /// Designate's defaults.
    pub(super) fn defaults() -> Result<Self, Remark> {
        Self::with(Vec::new())
    }

    /// The defaults with other rules over them. Refuses names that no rule has and references that end nowhere or in a
    /// circle.
    pub(super) fn with(given: Vec<Given>) -> Result<Self, Remark> {
        let mut policy = Self {
            rules: Vec::with_capacity(RULES.len() + given.len()),
            places: HashMap::new(),
        };
        for (name, text) in RULES.into_iter().chain(BASE_RULES) {
            let expression = Expression::parse(text).map_err(|what| Remark {
                line: None,
                rule: name.to_owned(),
                what,
            })?;
            policy.put(name.to_owned(), expression, None);
        }
        let names: Vec<(String, u64)> = given
            .iter()
            .map(|given| (given.name.clone(), given.line))
            .collect();
        for given in given {
            policy.put(given.name, given.expression, Some(given.line));
        }
        policy.refuse_unused(&names)?;
        for index in 0..policy.rules.len() {
            policy.rules[index].plan = policy.plan(index)?;
        }
        Ok(policy)
    }

    fn put(&mut self, name: String, expression: Expression, line: Option<u64>) {
        let rule = Rule {
            name: name.clone(),
            expression,
            line,
            plan: Vec::new(),
        };
        match self.places.get(&name) {
            Some(index) => self.rules[*index] = rule,
            None => {
                self.places.insert(name, self.rules.len());
                self.rules.push(rule);
            }
        }
    }

    /// A name that is none of Designate's is a helper for other rules, or a slip of the pen.
    fn refuse_unused(&self, given: &[(String, u64)]) -> Result<(), Remark> {
        let used: HashSet<&str> = self
            .rules
            .iter()
            .flat_map(|rule| references(&rule.expression))
            .collect();
        let is_known = |name: &str| {
            RULES.iter().chain(&BASE_RULES).any(|(known, _)| *known == name)
                || LEGACY_RULES.contains(&name)
                || used.contains(name)
        };
        match given.iter().find(|(name, _)| !is_known(name)) {
            None => Ok(()),
            Some((name, line)) => Err(Remark {
                line: Some(*line),
                rule: name.clone(),
                what: "there is no rule of this name, and no other rule uses it".to_owned(),
            }),
        }
    }

    /// The rules that a rule needs, in an order in which each can be decided when its turn comes.
    fn plan(&self, start: usize) -> Result<Vec<usize>, Remark> {
        enum Visit {
            Enter(usize),
            Leave(usize),
        }
        let mut plan = Vec::new();
        let (mut entered, mut left) = (HashSet::new(), HashSet::new());
        let mut visits = vec![Visit::Enter(start)];
        while let Some(visit) = visits.pop() {
            let index = match visit {
                Visit::Enter(index) => index,
                Visit::Leave(index) => {
                    if left.insert(index) {
                        plan.push(index);
                    }
                    continue;
                }
            };
            if left.contains(&index) {
                continue;
            }
            let rule = &self.rules[index];
            let remark = |what| Remark {
                line: rule.line,
                rule: rule.name.clone(),
                what,
            };
            if !entered.insert(index) {
                return Err(remark(
                    "it refers to itself, directly or through other rules".to_owned(),
                ));
            }
            visits.push(Visit::Leave(index));
            for name in references(&rule.expression) {
                let needed = self.places.get(name);
                let needed = needed.ok_or_else(|| remark(format!("`rule:{name}` names no rule")))?;
                match (entered.contains(needed), left.contains(needed)) {
                    (_, true) => {}
                    (true, false) => {
                        return Err(remark(format!(
                            "`rule:{name}` leads back to where it came from: the rules refer to each other in a circle"
                        )));
                    }
                    (false, false) => visits.push(Visit::Enter(*needed)),
                }
            }
        }
        Ok(plan)
    }

    /// Whether a rule allows a request; `None` when there is no rule of this name.
    pub(crate) fn allows(
        &self,
        rule: &str,
        credentials: &Credentials<'_>,
        target: &Target<'_>,
    ) -> Option<bool> {
        let rule = *self.places.get(rule)?;
        // With nothing unknown every check is decided.
        Some(self.decide(rule, credentials, target, Lacking::Absent) == Some(true))
    }

    /// What a rule says of a request whatever the values are that the target leaves out, so that nothing need be read to
    /// know. `None`: that depends on them, or there is no rule of this name.
    pub(crate) fn foresees(
        &self,
        rule: &str,
        credentials: &Credentials<'_>,
        target: &Target<'_>,
    ) -> Option<bool> {
        self.decide(*self.places.get(rule)?, credentials, target, Lacking::Unknown)
    }

    fn decide(
        &self,
        rule: usize,
        credentials: &Credentials<'_>,
        target: &Target<'_>,
        lacking: Lacking,
    ) -> Option<bool> {
        let mut decided: HashMap<&str, Option<bool>> = HashMap::new();
        let mut last = Some(false);
        for index in &self.rules[rule].plan {
            let rule = &self.rules[*index];
            last = rule.expression.decide(credentials, target, lacking, &|name| {
                decided.get(name).copied().unwrap_or(Some(false))
            });
            decided.insert(&rule.name, last);
        }
        last
    }

    /// What is probably not meant: names that neither targets nor credentials have, so that their checks always fail.
    pub(super) fn doubts(&self) -> Vec<Remark> {
        let mut doubts = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.line.is_some()) {
            let mut doubt = |what| {
                doubts.push(Remark {
                    line: rule.line,
                    rule: rule.name.clone(),
                    what,
                });
            };
            for check in rule.expression.checks() {
                let template = match check {
                    Check::Constant(_) | Check::Rule(_) => continue,
                    Check::Role(template) | Check::Literal { template, .. } => template,
                    Check::Credential { key, template } => {
                        if !Credentials::NAMES.contains(&key.as_str()) {
                            doubt(format!("a caller has no `{key}`, so this check always fails"));
                        }
                        template
                    }
                };
                for place in unknown_places(template) {
                    doubt(format!("a request has no `{place}`, so this check always fails"));
                }
            }
        }
        doubts
    }
}

fn references(expression: &Expression) -> impl Iterator<Item = &str> {
    expression.checks().filter_map(|check| match check {
        Check::Rule(name) => Some(name.as_str()),
        _ => None,
    })
}

fn unknown_places(template: &Template) -> impl Iterator<Item = &str> {
    template.places().filter(|place| !Target::NAMES.contains(place))
}
