import { checkConfig, ConfigError } from '../../src/config/index.js'
import type { Settings } from '../../src/config/index.js'
import { GatewayConfigSchema } from '../../src/config/schema.js'

const { properties } = GatewayConfigSchema

/** The keys of a configuration, of its server and of a route, as the message about an unknown key lists them. */
export const KEYS = list(properties)
export const SERVER_KEYS = list(properties.server.properties)
export const ROUTE_KEYS = list(properties.routes.items.properties)

/** One route that is right, with what a test changes about it and around it. */
export function withRoute (route: object = {}, around: object = {}): object {
  return { routes: [{ prefix: '/api', target: 'http://localhost:3001', ...route }], ...around }
}

/** The lines of the message, without the first. */
export function mistakesIn (config: unknown, env?: NodeJS.ProcessEnv): string[] {
  return linesOf(() => checkConfig(config, env && { env }))
}

/** As {@link mistakesIn}, for whatever may throw a ConfigError. */
export function linesOf (check: () => Settings): string[] {
  try {
    check()
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n').slice(1).map(line => line.slice(2))
  }
}

function list (of: object): string {
  return Object.keys(of).join(', ')
}
