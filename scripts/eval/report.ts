export function writeReport(root: string): void { void root; }
