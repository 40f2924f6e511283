// A program with eureka-js-client in it: commands as lines of JSON on its standard input.
// What libraries log goes to standard error; standard output carries the answers.
'use strict';

const readline = require('readline');
const { Eureka } = require(process.env.EUREKUBE_NODE_MODULES + '/eureka-js-client');

const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\n');
const log = (level) => (...words) => console.error(level, ...words.map(String));
const logger = { warn: log('WARN'), info: log('INFO'), debug: log('DEBUG'), error: log('ERROR') };

const { bearer, ...settings } = JSON.parse(process.argv[2]);
const withToken = (options, done) => done({ ...options, auth: { bearer } });
const more = bearer ? { requestMiddleware: withToken } : {};
const client = new Eureka({ ...settings, ...more, logger });

const commands = {
  apps: () =>
    Object.fromEntries(
      Object.entries(client.cache.app).map(([name, instances]) => [
        name,
        Object.fromEntries(instances.map((each) => [each.instanceId, each.status])),
      ]),
    ),
  vip: ({ vip }) => client.getInstancesByVipAddress(vip).map((each) => each.instanceId),
  metadata: ({ vip }) => client.getInstancesByVipAddress(vip)[0]?.metadata ?? null,
  stop: () => new Promise((done) => client.stop((error) => done(error ? String(error) : 'stopped'))),
};

client.start((error) => {
  if (error) {
    console.error(error);
    process.exit(1);
  }
  say('started');
  readline.createInterface({ input: process.stdin }).on('line', async (line) => {
    const command = JSON.parse(line);
    say(await commands[command.do](command));
    if (command.do === 'stop') process.exit(0);
  });
});
