export { checkConfig } from './validate.js'
export { ConfigError } from './config-error.js'
export { hideSecrets } from './hide-secrets.js'
export { loadConfig, readConfig } from './load.js'
export { logLevel } from './log-level.js'
export { compileReplacement } from './pattern.js'
export { validatePort } from './port.js'
export { readTarget, readWeightedTarget } from './target.js'
export { publishedSchema } from './published-schema.js'
export { pathsOf, readPem, readPems } from './pem.js'
export type { HeaderRules } from './header-rules.js'
export type { GatewayConfig } from './schema.js'
export type { Target } from './target.js'
export type {
  AccessLogSettings, AdminSettings, Connecting, CorsSettings, RateLimitSettings, RouteSettings, ServerSettings, ServerTlsSettings, Settings, UpstreamSettings,
  UpstreamTlsSettings
} from './settings.js'
