import { addNumbers, subtractNumbers } from "./numbers";

export interface Account {
  readonly owner: string;
  readonly balance: number;
}

export function openAccount(owner: string): Account {
  return { owner, balance: 0 };
}

export function deposit(account: Account, amount: number): Account {
  return { ...account, balance: addNumbers(account.balance, amount) };
}

export function withdraw(account: Account, amount: number): Account {
  return { ...account, balance: subtractNumbers(account.balance, amount) };
}
