-- Records the last uses of tokens, and that this has been done just now. All keys share a
-- hash tag.
--
-- KEYS  1 uses by token id  2 the tokens whose uses were saved, by time  3… the tokens' records
-- ARGV  1 how long a token stays in the latter, in milliseconds
--       2… for each record, the token's id and its use, which begins with the minute

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

for i = 3, #KEYS do
	local id, use = ARGV[2 * i - 4], ARGV[2 * i - 3]
	-- Another node may have saved a later use; the token may have been deleted.
	local kept = tonumber(string.match(redis.call('HGET', KEYS[1], id) or '', '^%d+'))
	local later = not kept or kept <= tonumber(string.match(use, '^%d+'))
	if later and redis.call('EXISTS', KEYS[i]) == 1 then
		redis.call('HSET', KEYS[1], id, use)
		redis.call('ZADD', KEYS[2], string.format('%.0f', now), id)
	end
end

local old = redis.call('ZRANGE', KEYS[2], '-inf', string.format('%.0f', now - ARGV[1]), 'BYSCORE', 'LIMIT', 0, 500)
for i = 1, #old do
	redis.call('ZREM', KEYS[2], old[i])
end
return 1
