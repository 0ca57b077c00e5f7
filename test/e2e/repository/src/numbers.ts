export function addNumbers(first: number, second: number): number {
  return first + second;
}

export function subtractNumbers(first: number, second: number): number {
  return first - second;
}

export function multiplyNumbers(first: number, second: number): number {
  return first * second;
}

export function sumOfNumbers(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => addNumbers(total, number), 0);
}
