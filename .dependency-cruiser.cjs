// Who may import whom; `npm run lint` fails on anything else. CONTRIBUTING.md has the same table in words.

/** As its users name it, which leads nowhere before it is built. */
const ITSELF = '^fastify-stream-gateway$'

/** By folder or file: what of ours it may import beside itself, and which packages. */
const MAY_IMPORT = {
  'src/node': { ours: [], packages: [] },
  'src/config': { ours: [], packages: ['ajv', 'jsonc-parser', 're2js', 'typebox'] },
  'src/upstream': { ours: ['src/node'], packages: [] },
  'src/proxy': { ours: ['src/upstream', 'src/node'], packages: [] },
  'src/observe': { ours: ['src/proxy'], packages: ['@opentelemetry/api'] },
  'src/auth': { ours: ['src/proxy', 'src/upstream', 'src/config', 'src/server/watch-files.ts', 'src/server/optional-package.ts'], packages: ['bcrypt', '@types/bcrypt', 'jose'] },
  'src/server': { ours: ['src/proxy', 'src/upstream', 'src/observe', 'src/node', 'src/config'], packages: ['fastify', 'ioredis', 'pino', 'rotating-file-stream', '@opentelemetry/api'] },
  'src/explain': { ours: ['src/observe', 'src/server', 'src/proxy', 'src/upstream', 'src/config'], packages: ['fastify'] },
  'src/admin': { ours: ['src/explain', 'src/observe', 'src/server', 'src/proxy', 'src/upstream', 'src/config'], packages: ['fastify', 'prom-client'] },
  plugins: { ours: ['src'], packages: ['fastify', 'fastify-plugin', '@fastify/cors', '@fastify/rate-limit', '@opentelemetry/api'] },
  'src/register-gateway.ts': { ours: ['plugins', 'src/admin', 'src/explain', 'src/config', 'src/server', 'src/proxy'], packages: ['fastify'] },
  'src/register-service.ts': { ours: ['plugins/health.ts', 'src/register-gateway.ts', 'src/config', 'src/server'], packages: ['fastify'] },
  'src/service.ts': { ours: ['src/register-service.ts', 'src/register-gateway.ts', 'src/config', 'src/server', 'src/upstream', 'src/node'], packages: ['fastify'] },
  'src/app.ts': { ours: ['src/service.ts', 'src/config', 'src/node'], packages: ['fastify'] },
  'src/index.ts': { ours: ['src/register-gateway.ts', 'src/explain/try-out.ts', 'src/config', 'src/server', 'src/proxy'], packages: ['fastify', 'fastify-plugin'] },
  'src/cli': { ours: ['src/service.ts', 'src/register-service.ts', 'src/admin', 'src/explain', 'src/config', 'src/server', 'src/upstream', 'src/node'], packages: ['fastify'] },
  // The package as its users have it: its types, and the service.
  bench: { ours: ['src/index.ts'], packages: ['*'] },
  fuzz: { ours: ['src/app.ts'], packages: ['*'] },
  chaos: { ours: ['src/app.ts', 'fuzz'], packages: ['*'] },
  examples: { ours: [], packages: ['*'] },
  test: { ours: ['src', 'plugins', 'bench/node-binary.ts', 'bench/contenders', 'chaos', 'fuzz'], packages: ['*'] }
}

/** As a regular expression for the path of whatever is inside. */
function inside (place) {
  return place.endsWith('.ts') ? `^${place.replaceAll('.', '\\.')}$` : `^${place}/`
}

function inPackage (name) {
  return name === '*' ? '(^|/)node_modules/' : `(^|/)node_modules/${name}/`
}

module.exports = {
  forbidden: [
    ...Object.entries(MAY_IMPORT).map(([place, { ours, packages }]) => ({
      name: `${place} may not import it`,
      severity: 'error',
      from: { path: inside(place) },
      to: {
        // Plugins are the only ones that may not import each other.
        pathNot: [...(place === 'plugins' ? [] : [place]), ...ours].map(inside).concat(packages.map(inPackage), place === 'examples' ? ITSELF : []),
        dependencyTypesNot: ['core']
      }
    })),
    {
      name: 'src/observe knows the types of src/proxy alone',
      severity: 'error',
      from: { path: inside('src/observe') },
      to: { path: inside('src/proxy'), dependencyTypesNot: ['type-only'] }
    },
    {
      name: 'a circle',
      severity: 'error',
      from: {},
      to: { circular: true }
    },
    {
      name: 'a file that no rule knows',
      severity: 'error',
      from: { path: '\\.ts$', pathNot: Object.keys(MAY_IMPORT).map(inside) },
      to: {}
    }
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Types are imports like all others.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'default'] }
  }
}
