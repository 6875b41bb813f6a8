import { LEAST_LOG_SIZE, LOG_SIZE } from './formats.js'
import { AnyOf, Count, Default, Duration, Fraction, List, OneOf, Optional, Section, Size, Switch, Text } from './kinds.js'

const ACCESS_LOG = 'must be true, false or an object such as { "slow": "1s", "sample": 0.1 }'
const FORMAT = 'must be "json", "common", "combined" or a list of fields such as ["time", "ip", "url", "status"]'
const FIELD = 'must be the name of a field such as "url"'
const KEYS = 'must be a list of keys such as ["access_token"]'

const Options = Section('How the lines are written.', {
  format: Default('json', AnyOf(
    'Fields in JSON, as the table of the access log has them; httpd\'s `"common"` or `"combined"` format; or JSON with some of the fields alone, in the order of the list. `"header:user-agent"` is a header of the request. Credentials are never shown.', [
      OneOf('A format.', ['json', 'common', 'combined']),
      List('Fields.', Text('A field.', { format: 'log-field', errorMessage: FIELD }), { minItems: 1, errorMessage: FORMAT })
    ], { typeName: '`"json"`, `"common"`, `"combined"` or list of fields', examples: ['json', ['time', 'ip', 'url', 'status']], errorMessage: FORMAT })),
  file: Optional(Text('Where they are written. On SIGUSR1 the file is opened again, for whoever rotates it.', { examples: ['/var/log/gateway/access.log'], errorMessage: 'must be the path of a file' }), 'the log'),
  maxSize: Optional(Size('The file is put aside when it is as large: its name then ends in the time. Needs `npm install rotating-file-stream`.', { least: LEAST_LOG_SIZE, format: 'log-size', examples: ['100mb'], errorMessage: LOG_SIZE })),
  maxFiles: Default(10, Count('How many files that were put aside are kept.', { least: 1, most: 1000 })),
  sample: Default(1, Fraction('The part of the successes that is written. What failed always is: a 5xx, and whatever did not complete.', { least: 0, most: 1 })),
  slow: Optional(Duration('A request that takes as long is written at `warn`, whatever `sample` says. WebSockets never are slow.')),
  redact: Optional(List('Keys of the query whose values are not shown.', Text('A key.', { examples: ['access_token'], errorMessage: KEYS }), { examples: [['access_token']], errorMessage: KEYS }),
    'names of tokens, codes, keys, passwords and signatures')
}, { errorMessage: ACCESS_LOG })

export const AccessLog = AnyOf('Write one log line for each request; as an object, how.', [Switch('Whether.'), Options], {
  typeName: 'boolean or object', examples: [true, { slow: '1s', sample: 0.1 }], errorMessage: ACCESS_LOG
})
