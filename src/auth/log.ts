/** What is used of a pino logger. */
export interface Log {
  info (line: object, message: string): void
  warn (line: object, message: string): void
  error (line: object, message: string): void
}
