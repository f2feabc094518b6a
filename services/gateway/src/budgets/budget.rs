//! `CreateBudget`, `DescribeBudget`, `DescribeBudgets`, `UpdateBudget`, `DeleteBudget`.

use aws_model::budgets::{
    CreateBudgetRequest, CreateBudgetResponse, DeleteBudgetRequest, DeleteBudgetResponse,
    DescribeBudgetRequest, DescribeBudgetResponse, DescribeBudgetsRequest, DescribeBudgetsResponse,
    UpdateBudgetRequest, UpdateBudgetResponse,
};
use store::budgets::BudgetRefusal;
use wire::Fault;

use super::{answer, faults, request};
use crate::call::Call;
use crate::pages;

pub(super) async fn create(
    cx: Call,
    input: CreateBudgetRequest,
) -> Result<CreateBudgetResponse, Fault> {
    request::check_account(&cx, &input.account_id)?;
    if input.resource_tags.is_some_and(|tags| !tags.is_empty()) {
        return Err(faults::not_supported("ResourceTags"));
    }
    let budget = request::budget(&cx, input.budget).await?;
    let given = input.notifications_with_subscribers.unwrap_or_default();
    let notifications = request::new_notifications(&cx, given)?;
    let made = cx
        .app
        .store
        .create_budget(cx.account, &budget, &notifications);
    match made.await.map_err(|error| crate::internal(&error, &cx))? {
        Ok(()) => Ok(CreateBudgetResponse {}),
        Err(BudgetRefusal::Exists) => Err(faults::budget_exists(&budget.budget.name)),
        Err(BudgetRefusal::Twice) => Err(faults::given_twice()),
        Err(BudgetRefusal::TooMany) => Err(faults::too_many_budgets()),
    }
}

pub(super) async fn describe(
    cx: Call,
    input: DescribeBudgetRequest,
) -> Result<DescribeBudgetResponse, Fault> {
    request::check_account(&cx, &input.account_id)?;
    let name = &input.budget_name;
    let missing = || faults::no_budget("get budget", name);
    if name.contains('\0') {
        return Err(missing());
    }
    let found = cx.app.store.budget(cx.account, name).await;
    let found = found.map_err(|error| crate::internal(&error, &cx))?;
    let found = found.ok_or_else(missing)?;
    let expressions = input.show_filter_expression.unwrap_or_default();
    let budget = answer::budgets(&cx, vec![found], expressions).await?.pop();
    Ok(DescribeBudgetResponse { budget })
}

pub(super) async fn list(
    cx: Call,
    input: DescribeBudgetsRequest,
) -> Result<DescribeBudgetsResponse, Fault> {
    request::check_account(&cx, &input.account_id)?;
    let after = match input
        .next_token
        .as_deref()
        .filter(|token| !token.is_empty())
    {
        Some(token) => pages::name(token).ok_or_else(faults::bad_token)?,
        None => String::new(),
    };
    let size = pages::size(input.max_results);
    let found = cx.app.store.budgets(cx.account, &after, size + 1).await;
    let mut found = found.map_err(|error| crate::internal(&error, &cx))?;
    let next_token = pages::cut(&mut found, size).map(|last| pages::token(&last.budget.name));
    let expressions = input.show_filter_expression.unwrap_or_default();
    Ok(DescribeBudgetsResponse {
        budgets: Some(answer::budgets(&cx, found, expressions).await?),
        next_token,
    })
}

pub(super) async fn update(
    cx: Call,
    input: UpdateBudgetRequest,
) -> Result<UpdateBudgetResponse, Fault> {
    request::check_account(&cx, &input.account_id)?;
    let budget = request::budget(&cx, input.new_budget).await?;
    let updated = cx.app.store.update_budget(cx.account, &budget).await;
    if updated.map_err(|error| crate::internal(&error, &cx))? {
        Ok(UpdateBudgetResponse {})
    } else {
        Err(faults::no_budget("update budget", &budget.budget.name))
    }
}

pub(super) async fn delete(
    cx: Call,
    input: DeleteBudgetRequest,
) -> Result<DeleteBudgetResponse, Fault> {
    request::check_account(&cx, &input.account_id)?;
    let name = &input.budget_name;
    let missing = || faults::no_budget("delete budget", name);
    if name.contains('\0') {
        return Err(missing());
    }
    let deleted = cx.app.store.delete_budget(cx.account, name).await;
    if deleted.map_err(|error| crate::internal(&error, &cx))? {
        Ok(DeleteBudgetResponse {})
    } else {
        Err(missing())
    }
}
