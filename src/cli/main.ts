#!/usr/bin/env node
import { ConfigError } from '../config/config-error.js'
import { UnreadableRequest } from '../explain/asked-request.js'
import { version } from '../server/version.js'
import { check } from './check.js'
import { explain } from './explain.js'
import { init } from './init.js'
import { start } from './start.js'
import { UsageError } from './usage.js'
import type { Command } from './usage.js'

// The package's command. Each of its words is a file; what it needs is loaded when it runs.

const COMMANDS = new Map<string, Command>(Object.entries({ start, check, explain, init }))

process.exitCode = await run(process.argv.slice(2))

async function run ([name, ...args]: string[]): Promise<number | undefined> {
  try {
    if (name === undefined || name === '--help' || name === '-h' || name === 'help') return print(help(args[0]))
    if (name === '--version' || name === '-v') return print(version())
    const command = COMMANDS.get(name)
    if (command === undefined) throw new UsageError(`unknown command ${JSON.stringify(name)}, must be one of ${[...COMMANDS.keys()].join(', ')}`)
    if (args.includes('--help') || args.includes('-h')) return print(helpOf(name, command))
    return await command.run(args)
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(error.message)
      // What waits for workers that it has started would go on.
      process.exit(1)
    }
    if (!(error instanceof UsageError || error instanceof UnreadableRequest)) throw error
    console.error(`fastify-stream-gateway: ${error.message}\nRun "fastify-stream-gateway --help" for what there is.`)
    return 2
  }
}

function print (text: string): number {
  console.log(text)
  return 0
}

function help (name: string | undefined): string {
  const command = name === undefined ? undefined : COMMANDS.get(name)
  if (name !== undefined && command !== undefined) return helpOf(name, command)
  const lines = [...COMMANDS].map(([name, { usage, summary }]) => `  ${`${name} ${usage}`.padEnd(28)}${summary}`)
  return `A streaming API gateway.

Usage: fastify-stream-gateway <command> [options]

${lines.join('\n')}

  --version                   the version
  --help                      this text; behind a command, its options`
}

function helpOf (name: string, { usage, summary, options }: Command): string {
  return `${summary[0]?.toUpperCase()}${summary.slice(1)}.

Usage: fastify-stream-gateway ${name} ${usage}

${options}`
}
