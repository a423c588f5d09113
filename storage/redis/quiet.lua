-- Changes several documents, all or none, without an audit event, and publishes the
-- changes. All keys share a hash tag.
--
-- KEYS  1 index  2 receipt  3… documents
-- ARGV  1 channel  2 lifetime of the receipt, in milliseconds  3 prefix of index entries,
--       then for each document: the version that it must have, or 0 if there must be
--       none; what to store, or empty to delete it; its name
--
-- Returns 1, or 0 if one of the documents has another version.

local done = redis.call('GET', KEYS[2])
if done then
	redis.call('SET', KEYS[2], done, 'PX', ARGV[2]) -- see apply.lua
	return done
end

for i = 3, #KEYS do
	local stored, version = redis.pcall('GET', KEYS[i]), '0'
	if type(stored) == 'string' then
		local ok, document = pcall(cjson.decode, stored)
		version = 'damaged'
		if ok and type(document) == 'table' and type(document.version) == 'number' then
			version = string.format('%.0f', document.version)
		end
	elseif type(stored) == 'table' then
		if not string.find(stored.err, 'WRONGTYPE') then
			return stored
		end
		version = 'damaged'
	end
	if version ~= ARGV[3 * i - 5] then
		return 0
	end
end

-- Redis does not roll back a script that fails, so try what can fail first: see
-- apply.lua.
if redis.acl_check_cmd then
	local needed = {
		{ 'SET', KEYS[2], '' }, { 'DEL', KEYS[2] }, { 'ZADD', KEYS[1], '0', '' }, { 'ZREM', KEYS[1], '' },
		{ 'PUBLISH', ARGV[1], '' },
	}
	for _, command in ipairs(needed) do
		if not redis.acl_check_cmd(unpack(command)) then
			return redis.error_reply('NOPERM the user may not ' .. command[1] .. ' ' .. command[2])
		end
	end
end
redis.call('ZCARD', KEYS[1])
redis.call('SET', KEYS[2], '', 'PX', ARGV[2])

for i = 3, #KEYS do
	local data, name = ARGV[3 * i - 4], ARGV[3 * i - 3]
	if data == '' then
		redis.call('DEL', KEYS[i])
		redis.call('ZREM', KEYS[1], ARGV[3] .. name)
	else
		redis.call('SET', KEYS[i], data)
		redis.call('ZADD', KEYS[1], 0, ARGV[3] .. name)
	end
	redis.call('PUBLISH', ARGV[1], name)
end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return 1
