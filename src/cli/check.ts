import { hideSecrets } from '../config/hide-secrets.js'
import { onlyOne, readArgs, routesFile } from './usage.js'
import type { Command } from './usage.js'

export const check: Command = {
  usage: '[routes.json]',
  summary: 'says whether a routes.json is right, and what is wrong',
  options: `  --print        the configuration as it would run: defaults filled in, secrets hidden

Ends with 0, or with 1 where there is a mistake.`,

  async run (args) {
    const { values, positionals } = readArgs({ args, options: { print: { type: 'boolean' } }, allowPositionals: true })
    const file = routesFile(onlyOne(positionals, 'file'))
    const { loadConfig } = await import('../config/index.js')
    const settings = loadConfig(file, process.env)
    const { length } = settings.routes
    if (values.print === true) console.log(JSON.stringify(hideSecrets(settings), null, 2))
    else console.log(`${file}: ok, ${length} ${length === 1 ? 'route' : 'routes'}`)
    return 0
  }
}
