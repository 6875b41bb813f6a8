import { bytesOf, requestOfParts } from '../explain/asked-request.js'
import type { AskedRequest } from '../explain/asked-request.js'
import { readArgs, routesFile, UsageError } from './usage.js'
import type { Command } from './usage.js'

export const explain: Command = {
  usage: '<method> <url>',
  summary: 'says where a request would go, and why',
  options: `  -H, --header <header>   a header of the request, such as "Origin: https://app.example.com"; any number of them
  -f, --file <file>       ROUTES_FILE, or routes.json

The url is a path, or has a scheme and a host. Or a line for curl: explain curl 'https://api.example.com/x' -H …
The request takes its real way through the gateway, but for the services: none is asked. Ends with 0 where it would
be forwarded.`,

  async run (args) {
    const curl = args.indexOf('curl')
    const { values, positionals } = readArgs({
      args: curl === -1 ? args : args.slice(0, curl),
      options: { header: { type: 'string', short: 'H', multiple: true }, file: { type: 'string', short: 'f' } },
      allowPositionals: true
    })
    const asked = await readAsked(positionals, values.header ?? [], curl === -1 ? undefined : args.slice(curl))
    // Loaded when this runs, not with every command.
    const { loadConfig } = await import('../config/index.js')
    const settings = loadConfig(routesFile(values.file), process.env)
    const { explain } = await import('../explain/explanation.js')
    const { describe } = await import('../explain/describe.js')
    const { registerService } = await import('../register-service.js')
    const explanation = await explain({ settings, prefix: '', isHosted: false, register: registerService }, asked)
    console.log(describe(explanation).join('\n'))
    return explanation.forwarded === undefined ? 1 : 0
  }
}

/**
 * @param curl a line for it, from its name on
 * @throws UsageError, UnreadableRequest
 */
async function readAsked (positionals: readonly string[], headers: readonly string[], curl: readonly string[] | undefined): Promise<AskedRequest> {
  const { curlFields } = await import('../explain/curl-fields.js')
  const { requestOfCurl } = await import('../explain/curl-line.js')
  const [method, url, ...more] = positionals
  if (curl !== undefined && method === undefined && headers.length === 0) return requestOfCurl(curl.map(bytesOf))
  if (method === undefined || url === undefined || more.length > 0 || curl !== undefined) throw new UsageError('explain takes a method and a url, or a line for curl')
  return requestOfParts(bytesOf(method), bytesOf(url), curlFields([], headers.map(bytesOf)))
}
