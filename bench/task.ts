import { writeFileSync } from 'node:fs'
import { comparison, oursAt } from './against.js'
import { ours } from './contenders/index.js'
import type { Contender } from './contenders/index.js'
import { goalsTable } from './goals.js'
import type { Judged } from './goals.js'
import { headlineChart, headlines } from './headlines.js'
import { ROOT } from './machine.js'
import type { Result } from './measure.js'
import { contendersUnder, nodeBinary, nodesTable } from './nodes.js'
import type { Options } from './options.js'
import { writeBlock } from './readme.js'
import type { Scenario } from './scenarios/scenario.js'
import { table } from './table.js'

/** What is measured, and what is made of it. */
interface Task {
  contenders: readonly Contender[]
  print: (results: readonly Result[], judged: readonly Judged[]) => string
  write: (results: readonly Result[], judged: readonly Judged[], printed: string, facts: readonly string[]) => void
}

export function taskOf (options: Options, scenarios: readonly Scenario[]): Task {
  if (options.against !== undefined) return compareWith(oursAt(options.against))
  if (options.nodes !== undefined) return compareNodes(options.nodes)
  return {
    contenders: options.contenders.filter(({ name, missing }) => isThere(name, missing?.())),
    print (results, judged) {
      const tables = results.flatMap(result => scenarios.filter(({ id }) => id === result.id).map(scenario => table(scenario, result)))
      return ['### Goals', goalsTable(judged), ...tables].join('\n\n')
    },
    write (results, judged, printed, facts) {
      writeFileSync(new URL('docs/bench.svg', ROOT), headlineChart(results, facts[0] ?? ''))
      writeBlock('bench/README.md', 'bench', printed)
      writeBlock('README.md', 'bench', [
        '![CPU per request of this gateway and of others](docs/bench.svg)', headlines(results), goalsTable(judged), facts[0]
      ].join('\n\n'))
    }
  }
}

function compareWith (before: Contender): Task {
  return { contenders: [ours, before], print: results => comparison(results, before), write () {} }
}

function compareNodes (majors: readonly string[]): Task {
  const nodes = majors.map(nodeBinary)
  return {
    contenders: contendersUnder(nodes),
    print: results => nodesTable(results, nodes),
    write: (_results, _judged, printed) => writeBlock('bench/README.md', 'nodes', printed)
  }
}

/** Says so where it is not. */
export function isThere (name: string, reason: string | undefined): boolean {
  if (reason !== undefined) console.error(`${name} is left out: ${reason}`)
  return reason === undefined
}
