import { createRequire } from 'node:module'
import { hostname } from 'node:os'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { pino, symbols } from 'pino'
import type { Logger } from 'pino'
import { TerminalLines, TextLines } from '../observe/access-lines.js'
import { writeAccessLinesAs } from '../observe/access-log.js'
import { LogOutput } from '../observe/log-output.js'
import type { LogOutputOptions } from '../observe/log-output.js'
import { stdoutSink } from '../observe/stdout.js'

/** Characters of lines that wait while the disk is full or nobody reads. */
const MAX_WAITING = 1024 * 1024
/** Milliseconds that a closing service waits until its last lines are read. */
export const LAST_LINES = 1_000

/** One line for each request in a terminal. */
const PRETTY = {
  ignore: 'pid,hostname,method,url,status',
  messageFormat: '{if method}{method} {url} {status} {end}{msg}',
  singleLine: true,
  translateTime: 'SYS:HH:MM:ss.l'
}

/** What a logger of a process of the gateway's is made with; `output` is absent where it writes to a terminal. */
export type OpenLog = { level: string } & (
  { output: LogOutput, stream: LogOutput } | { output?: undefined, transport: { target: string, options: object } }
)

export function openLog (level: string): OpenLog {
  if (isForPeople()) return { level, transport: { target: 'pino-pretty', options: PRETTY } }
  const output = openOutput()
  return { level, output, stream: output }
}

/** The log of a process that has no server. */
export function createLog (level: string): Logger {
  const { output, ...options } = openLog(level)
  return output === undefined ? pino(options) : pino({ level }, output)
}

/** Whether the log goes to a terminal, and there is what makes it readable there. */
function isForPeople (): boolean {
  if (!process.stdout.isTTY) return false
  try {
    createRequire(import.meta.url).resolve('pino-pretty')
    return true
  } catch {
    console.error('The log is JSON. For lines that people read: npm install pino-pretty')
    return false
  }
}

/** For whatever is written to. */
export const outputOptions: LogOutputOptions = { maxWaiting: MAX_WAITING, lostLine, warn: message => console.error(message) }

/** The log as lines of JSON. */
function openOutput (): LogOutput {
  const output = new LogOutput(stdoutSink(), outputOptions)
  process.on('exit', () => output.writeNow())
  return output
}

function lostLine (dropped: number): string {
  return `${JSON.stringify({ level: 40, time: Date.now(), pid: process.pid, hostname: hostname(), dropped, msg: 'lines of the log were dropped: they could not be written' })}\n`
}

/** @param output absent in a terminal */
export function prepareLog (fastify: FastifyInstance, output: LogOutput | undefined): void {
  const { log } = fastify
  if (output === undefined) {
    writeAccessLinesAs(new TerminalLines(log), log)
    return
  }
  if (isPlain(log, output)) writeAccessLinesAs(new TextLines(log, output), log)
  fastify.addHook('onClose', async () => await output.drain(LAST_LINES))
}

/** Whether the logger writes to the output, and nothing was added to it, as fastify-cli's `-L` may. */
export function isPlain (log: FastifyBaseLogger, output: LogOutput): boolean {
  if (Reflect.get(log, symbols.streamSym) !== output) return false
  const hooks: { logMethod?: unknown, streamWrite?: unknown } = Reflect.get(log, symbols.hooksSym)
  const additions = [Reflect.get(log, symbols.mixinSym), hooks.logMethod, hooks.streamWrite]
  return additions.every(addition => addition === undefined) && new TextLines(log, output).isWrittenBy(log)
}
