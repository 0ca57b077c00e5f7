import type { Account } from "./account";
import { sumOfNumbers } from "./numbers";

export function totalBalance(accounts: readonly Account[]): number {
  return sumOfNumbers(accounts.map((account) => account.balance));
}

export function describeAccount(account: Account): string {
  return `${account.owner}: ${account.balance}`;
}
