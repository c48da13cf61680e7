//! Expressions made simpler: a list of constants is a constant, and what people write every day has an
//! operation of its own.

use std::sync::Arc;

use crate::context::Needle;
use crate::eval::operator::Operator;
use crate::eval::program::{AttributePath, Check, Comparison, Expr, Test, TextSet, VersionRule};
use crate::number;
use crate::value::Value;
use crate::version::{Version, VersionTest};

/// A list of constants is a constant.
pub(super) fn fold_list(items: Vec<Expr>) -> Expr {
    if !items.iter().all(|item| matches!(item, Expr::Constant(_))) {
        return Expr::List(items.into_boxed_slice());
    }
    let values = items.into_iter().map(|item| match item {
        Expr::Constant(value) => value,
        _ => Value::Null,
    });
    Expr::Constant(Value::list(values))
}

/// The operation of an operator over these operands: its own where people write it every day.
pub(super) fn specialize(operator: Operator, operands: Box<[Expr]>) -> Expr {
    let general = |operands| Expr::Apply(Box::new((operator, Expr::List(operands))));
    let mut operands = operands.into_vec();
    match (operator, operands.as_mut_slice()) {
        (Operator::Not, [_]) => {
            operands.pop().map_or(Expr::Constant(Value::Bool(true)), |operand| Expr::Not(Box::new(operand)))
        }
        (Operator::Truth, [_]) => operands.pop().map_or(Expr::Constant(Value::Bool(false)), |operand| {
            Expr::Not(Box::new(Expr::Not(Box::new(operand))))
        }),
        (_, [Expr::Attribute(path), Expr::Constant(constant)]) => {
            attribute_and_constant(operator, path, constant)
                .unwrap_or_else(|| general(operands.into_boxed_slice()))
        }
        (_, [Expr::Constant(constant), Expr::Attribute(path)]) => {
            constant_and_attribute(operator, constant, path)
                .unwrap_or_else(|| general(operands.into_boxed_slice()))
        }
        (Operator::SemVer, [Expr::Attribute(path), Expr::Constant(sign), Expr::Constant(target)]) => {
            let test = sign.as_str().and_then(VersionTest::of);
            match (test, version_text(target)) {
                (Some(test), Some(target)) => {
                    test_of(path, Check::Version(Box::new(VersionRule::new(test, target))))
                }
                _ => Expr::Constant(Value::Null),
            }
        }
        _ => general(operands.into_boxed_slice()),
    }
}

fn attribute_and_constant(
    operator: Operator,
    path: &Arc<AttributePath>,
    constant: &Value<'static>,
) -> Option<Expr> {
    let test = |check| test_of(path, check);
    let not = |check| Expr::Not(Box::new(test(check)));
    let compare = |comparison, number| test(Check::Compare(comparison, number));
    Some(match (operator, constant) {
        (Operator::Equal, Value::String(wanted)) => test(Check::IsText(Needle::new(wanted))),
        (Operator::NotEqual, Value::String(wanted)) => not(Check::IsText(Needle::new(wanted))),
        (Operator::Same, Value::String(wanted)) => test(Check::IsSameText(Needle::new(wanted))),
        (Operator::NotSame, Value::String(wanted)) => not(Check::IsSameText(Needle::new(wanted))),
        (Operator::Equal, Value::Number(number)) => compare(Comparison::Equal, *number),
        (Operator::NotEqual, Value::Number(number)) => compare(Comparison::NotEqual, *number),
        (Operator::Equal, Value::Bool(wanted)) => compare(Comparison::Equal, f64::from(*wanted)),
        (Operator::NotEqual, Value::Bool(wanted)) => compare(Comparison::NotEqual, f64::from(*wanted)),
        (Operator::Less, Value::Number(number)) => compare(Comparison::Less, *number),
        (Operator::LessOrEqual, Value::Number(number)) => compare(Comparison::LessOrEqual, *number),
        (Operator::Greater, Value::Number(number)) => compare(Comparison::Greater, *number),
        (Operator::GreaterOrEqual, Value::Number(number)) => compare(Comparison::GreaterOrEqual, *number),
        (Operator::StartsWith, Value::String(affix)) => test(Check::StartsWith((**affix).into())),
        (Operator::EndsWith, Value::String(affix)) => test(Check::EndsWith((**affix).into())),
        (Operator::In, Value::List(items)) => {
            let texts: Option<Vec<Box<str>>> =
                items.iter().map(|item| item.as_str().map(Box::from)).collect();
            test(Check::InTexts(Arc::new(TextSet::new(texts?))))
        }
        _ => return None,
    })
}

fn constant_and_attribute(
    operator: Operator,
    constant: &Value<'static>,
    path: &Arc<AttributePath>,
) -> Option<Expr> {
    let mirrored = match operator {
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        Operator::Equal | Operator::NotEqual | Operator::Same | Operator::NotSame => operator,
        Operator::In => {
            return constant.as_str().map(|text| Expr::HasText(path.clone(), text.into()));
        }
        _ => return None,
    };
    attribute_and_constant(mirrored, path, constant)
}

fn test_of(path: &Arc<AttributePath>, check: Check) -> Expr {
    Expr::Test(Test { path: path.clone(), check })
}

/// A constant as the text of a valid version.
pub(super) fn version_text(constant: &Value<'static>) -> Option<Box<str>> {
    let text = match constant {
        Value::String(text) => text.to_string(),
        Value::Number(number) => {
            let mut text = String::new();
            number::write_version_operand(&mut text, *number).ok()?;
            text
        }
        _ => return None,
    };
    Version::parse(&text)?;
    Some(text.into())
}
